"""Gallery and query folders of one product each."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import image, write_eyeglasses


def test_queries_search_the_gallery_by_the_names_of_folders(tmp_path: Path) -> None:
    write_eyeglasses(tmp_path)
    dataset = open_dataset(tmp_path)
    assert dataset.name == "eyeglasses" and dataset.splits == ("gallery", "queries")
    task = dataset.retrieval("product")
    assert [one.id for one in task.queries] == ["query/round/worn.jpg", "query/square/worn.jpg"]
    assert [one.relevant for one in task.relevance] == [(0, 1), (2, 3)]


def test_a_product_that_the_gallery_lacks_has_no_answer(tmp_path: Path) -> None:
    write_eyeglasses(tmp_path)
    image(tmp_path / "query" / "oval" / "worn.jpg")
    assert open_dataset(tmp_path).retrieval("product").unanswerable == (0,)


@pytest.mark.parametrize("stray", ["__MACOSX", "@eaDir", "docs"])
def test_a_stray_folder_changes_nothing(tmp_path: Path, stray: str) -> None:
    write_eyeglasses(tmp_path)
    (tmp_path / stray).mkdir()
    if stray != "docs":
        image(tmp_path / stray / "round" / "thumb.jpg")
    assert open_dataset(tmp_path).name == "eyeglasses"


def test_deeper_folders_are_plain_folders(tmp_path: Path) -> None:
    write_eyeglasses(tmp_path)
    image(tmp_path / "gallery" / "sun" / "round" / "a.jpg")
    assert open_dataset(tmp_path).name != "eyeglasses"


def test_folders_without_a_common_product_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "gallery" / "a" / "1.jpg", tmp_path / "query" / "b" / "1.jpg")
    with pytest.raises(ConfigError, match="no product"):
        open_dataset(tmp_path)


def test_an_absent_folder_is_named(tmp_path: Path) -> None:
    image(tmp_path / "gallery" / "a" / "1.jpg")
    with pytest.raises(ConfigError, match="query: no images"):
        open_dataset(tmp_path, "eyeglasses")

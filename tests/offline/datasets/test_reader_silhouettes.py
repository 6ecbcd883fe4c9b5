"""Silhouettes in the form of MPEG-7: names, order, and the bullseye task."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import image, write_silhouettes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_silhouettes(tmp_path)
    return tmp_path


def test_images_come_by_class_and_number(root: Path) -> None:
    images = open_dataset(root).images("all")
    assert [one.id for one in images] == [
        *("bat-1.gif", "bat-2.gif", "bat-10.gif"),
        *("personal_car-1.gif", "personal_car-2.gif", "personal_car-10.gif"),
    ]
    assert all(one.mask == one.path for one in images)


def test_the_bullseye_counts_the_query_itself_among_twice_the_class(root: Path) -> None:
    task = open_dataset(root).retrieval("bullseye")
    assert task.depth == 6
    assert [answer.relevant for answer in task.relevance] == [(0, 1, 2)] * 3 + [(3, 4, 5)] * 3
    assert all(answer.ignored == () for answer in task.relevance)


def test_the_real_set_has_40_retrieved_and_20_relevant(tmp_path: Path) -> None:
    names = [f"{shape}-{n}.png" for shape in ("device0", "device1", "Heart") for n in range(1, 21)]
    image(*(tmp_path / name for name in names))
    task = open_dataset(tmp_path).retrieval("bullseye")
    assert task.depth == 40 and {len(a.relevant) for a in task.relevance} == {20}


def test_an_incomplete_class_is_named(root: Path) -> None:
    image(*(root / f"apple-{n}.gif" for n in range(3)))
    (root / "bat-2.gif").unlink()
    dataset = open_dataset(root)
    assert len(dataset.images("all")) == 8
    with pytest.raises(ConfigError, match=r"Most have 3 shapes; bat 2\."):
        dataset.retrieval("bullseye")


def test_an_image_with_another_name_is_named(root: Path) -> None:
    image(root / "cover.png")
    with pytest.raises(ConfigError, match=r"cover\.png: not named CLASS-NUMBER"):
        open_dataset(root, "silhouettes")

"""Corel-1k by number and by folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import ConfigError
from offline.datasets import open_dataset
from tests.offline.datasets.small_datasets import image, write_corel


def test_a_hundred_numbers_are_a_class_and_every_image_searches_all_others(
    tmp_path: Path,
) -> None:
    write_corel(tmp_path)
    task = open_dataset(tmp_path).retrieval("category")
    assert len(task.queries) == len(task.gallery) == 1000
    assert [task.queries[at].id for at in (0, 2, 999)] == [
        f"image.orig/{number}.jpg" for number in (0, 2, 999)
    ]
    assert [task.queries[at].category for at in (0, 99, 100, 450, 999)] == [
        "africa",
        "africa",
        "beach",
        "dinosaurs",
        "food",
    ]
    answer = task.relevance[150]
    assert answer.ignored == (150,)
    assert answer.relevant == tuple(at for at in range(100, 200) if at != 150)


def test_a_part_of_the_images_needs_the_kind(tmp_path: Path) -> None:
    image(*(tmp_path / f"{number}.jpg" for number in (0, 1, 100, 101)))
    with pytest.raises(ConfigError, match="not a data set"):
        open_dataset(tmp_path)
    task = open_dataset(tmp_path, "corel").retrieval("category")
    assert [one.relevant for one in task.relevance] == [(1,), (0,), (3,), (2,)]


def test_folders_of_classes_are_read_when_named(tmp_path: Path) -> None:
    image(*(tmp_path / name / f"{at}.jpg" for name in ("bus", "rose") for at in range(3)))
    image(tmp_path / "bus" / "._0.jpg")
    task = open_dataset(tmp_path, "corel").retrieval("category")
    assert [one.category for one in task.queries] == ["bus"] * 3 + ["rose"] * 3


def test_numbers_beyond_the_thousand_are_no_classes(tmp_path: Path) -> None:
    image(tmp_path / "0.jpg", tmp_path / "1000.jpg")
    with pytest.raises(ConfigError, match="classes"):
        open_dataset(tmp_path, "corel")


def test_classes_of_one_image_are_refused(tmp_path: Path) -> None:
    image(tmp_path / "0.jpg", tmp_path / "100.jpg")
    with pytest.raises(ConfigError, match="two images"):
        open_dataset(tmp_path, "corel")

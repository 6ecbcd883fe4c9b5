"""Made silhouettes: repeatable, one piece, named as MPEG-7's, and all members of a class kin."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.errors import ConfigError, PacksightError
from offline.datasets import open_dataset
from offline.datasets.made_silhouettes.classes import shape_classes, silhouette
from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.families import FAMILIES
from offline.datasets.made_silhouettes.write import write_silhouettes
from tests.packsight_command import Command


def test_a_set_has_seventy_classes_of_different_names_and_some_cousins() -> None:
    classes = shape_classes(3)
    assert len({one.name for one in classes}) == 70
    assert len({one.family for one in classes}) == 45


def test_another_seed_gives_other_classes() -> None:
    one, other = (silhouette(shape_classes(seed)[0], 0) for seed in (3, 4))
    assert one.shape != other.shape or (one != other).any()


def test_a_member_is_the_same_each_time_and_unlike_the_next() -> None:
    shape = shape_classes(5)[7]
    assert np.array_equal(silhouette(shape, 2), silhouette(shape, 2))
    one, other = silhouette(shape, 2), silhouette(shape, 3)
    assert one.shape != other.shape or (one != other).any()


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_family_draws_one_white_piece_on_black(name: str) -> None:
    (shape,) = [one for one in shape_classes(1, 2 * len(FAMILIES)) if one.name == name]
    for member in range(3):
        image = silhouette(shape, member)
        assert set(np.unique(image)) == {0, 255}
        pieces, _ = cv2.connectedComponents(image, connectivity=8)
        assert pieces == 2  # the background counts
        rim = np.concatenate([image[[0, -1]].ravel(), image[:, [0, -1]].ravel()])
        assert not rim.any()


def test_without_play_the_members_of_a_class_have_equal_dimensions() -> None:
    drawn = [
        Dimensions(np.random.default_rng(1), np.random.default_rng(member), play=0.0)
        for member in range(2)
    ]
    assert drawn[0].sizes(5, 0.1, 0.9) == drawn[1].sizes(5, 0.1, 0.9)
    assert drawn[0].angle(0, 1) == drawn[1].angle(0, 1)


def test_members_play_about_the_dimensions_of_their_class() -> None:
    sizes = [
        Dimensions(np.random.default_rng(1), np.random.default_rng(member), play=1.0).size(0.4, 0.4)
        for member in range(200)
    ]
    assert np.median(sizes) == pytest.approx(0.4, rel=0.05)
    assert 0.3 < min(sizes) < max(sizes) < 0.52


def test_the_reader_opens_what_was_written(tmp_path: Path) -> None:
    assert write_silhouettes(tmp_path / "set", 1, classes=4, members=3) == 12
    dataset = open_dataset(tmp_path / "set")
    assert len(dataset.images("all")) == 12
    task = dataset.retrieval("bullseye")
    assert task.depth == 6
    assert all(len(answer.relevant) == 3 for answer in task.relevance)


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("keep")
    with pytest.raises(ConfigError, match="is not empty"):
        write_silhouettes(tmp_path, 1, classes=2, members=2)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_run_that_was_killed_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / ".set.part").mkdir()
    (tmp_path / ".set.part" / "half.png").write_bytes(b"")
    write_silhouettes(tmp_path / "set", 1, classes=2, members=2)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert len(list((tmp_path / "set").iterdir())) == 4


def test_a_place_that_is_a_file_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(PacksightError, match="cannot be written"):
        write_silhouettes(tmp_path / "file" / "set", 1, classes=2, members=2)


def test_the_command_writes_and_reports_what(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ("--classes", "3", "--members", "2", "--seed", "9", "--quiet")
    done = Command(capsys)("data", "silhouettes", "--out", tmp_path / "set", *flags)
    assert done.code == 0
    assert "6 silhouettes of 3 classes, seed 9" in done.out
    again = Command(capsys)("data", "silhouettes", "--out", tmp_path / "set", *flags)
    assert again.code == 1
    assert "is not empty" in again.err

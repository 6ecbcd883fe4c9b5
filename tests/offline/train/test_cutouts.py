"""Cutouts are made once, survive a kill, and are found by content."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.cutting import Cutting
from engine.errors import ConfigError
from engine.types import Matte, RGBImage
from offline.datasets import open_dataset
from offline.train.cutouts import DATA, INDEX, CutoutCache, Cutouts
from offline.train.labelled import Sample, read_labelled
from stages.context import BuildContext
from stages.cutout.whole import Options, build
from tests.drawn_catalogue import package, save, write_catalogue

NAME = "f" * 64


class Counting:
    """Counts the pictures that it segments."""

    def __init__(self) -> None:
        self.seen = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.seen += len(images)
        return [Matte(np.ones(image.pixels.shape[:2], np.float32)) for image in images]


def samples(folder: Path) -> list[Sample]:
    write_catalogue(folder)
    labelled = read_labelled(open_dataset(folder))
    return [*labelled.train, *labelled.validation]


def fill(folder: Path, given: Sequence[Sample], name: str = NAME) -> tuple[Cutouts, list[str], int]:
    segmenter = Counting()
    cutting = Cutting(segmenter, build(Options(size=16), BuildContext()))
    cutouts, faults = CutoutCache(folder, name).fill(given, cutting)
    return cutouts, faults, segmenter.seen


def test_every_picture_is_cut_once_and_found_by_its_content(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")
    cutouts, faults, seen = fill(tmp_path / "cache", given)
    assert seen == len(given) and faults == []
    assert cutouts.pixels.shape == (len(given), 16, 16, 3)
    again, _, seen = fill(tmp_path / "cache", given[::-1])
    assert seen == 0
    for sample in given:
        row = cutouts.pixels[cutouts.positions([sample])[0]]
        np.testing.assert_array_equal(row, again.pixels[again.positions([sample])[0]])
        assert row.min() < 250  # the product is in it
    differing = {cutouts.pixels[row].tobytes() for row in cutouts.positions(given)}
    assert len(differing) == len(given)


def test_another_way_of_cutting_has_a_folder_of_its_own(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")
    fill(tmp_path / "cache", given)
    _, _, seen = fill(tmp_path / "cache", given, name="e" * 64)
    assert seen == len(given)


@pytest.mark.parametrize("lost", [1, 5, 16 * 16 * 3, 16 * 16 * 3 + 1])
@pytest.mark.parametrize("name", [DATA, INDEX])
def test_what_a_kill_cut_short_is_cut_anew(tmp_path: Path, name: str, lost: int) -> None:
    given = samples(tmp_path / "data")
    whole, _, _ = fill(tmp_path / "cache", given)
    expected = {s.sha256: np.array(whole.pixels[whole.rows[s.sha256]]) for s in given}
    (path,) = (tmp_path / "cache").glob(f"*/{name}")
    path.write_bytes(path.read_bytes()[:-lost])
    mended, _, seen = fill(tmp_path / "cache", given)
    assert 0 < seen <= len(given)
    for sha256, pixels in expected.items():
        np.testing.assert_array_equal(mended.pixels[mended.rows[sha256]], pixels)


def test_a_picture_that_cannot_be_decoded_is_told_and_has_no_row(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")
    given[3].picture.path.write_text("no picture")
    cutouts, faults, _ = fill(tmp_path / "cache", given)
    assert len(cutouts.rows) == len(given) - 1 and given[3].sha256 not in cutouts.rows
    (fault,) = faults
    assert str(given[3].picture.path) in fault


def test_nothing_to_cut_is_no_trouble(tmp_path: Path) -> None:
    cutouts, faults, _ = fill(tmp_path / "cache", [])
    assert len(cutouts.pixels) == 0 and faults == []


def test_a_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sample = Sample(open_dataset(_one(tmp_path)).pictures("all")[0], "0" * 64, 0)
    with pytest.raises(ConfigError, match="--cache"):
        fill(tmp_path / "file", [sample])


def _one(folder: Path) -> Path:
    save(folder / "data" / "jar" / "a.png", package("jar", 0))
    return folder / "data"

"""Cutouts are made once, survive a kill, and are found by content."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as hypothesis_given
from hypothesis import strategies as st

from engine.blobs import Blob, Blobs
from engine.cutting import Cutting
from engine.errors import ConfigError
from engine.images import load
from engine.protocols import Segmenter
from engine.types import FloatArray, Matte, RGBImage
from offline.datasets import DatasetImage, open_dataset
from offline.store.cutouts import BATCH, PIXELS, CutoutCache, Cutouts
from offline.store.images import cropped
from offline.train.training_set import Sample, read_labelled
from stages.context import BuildContext
from stages.cutout.whole import Options, build
from tests.drawn_catalogue import package, save, write_catalogue

NAME = "f" * 64


class Counting:
    """Counts the images that it segments."""

    def __init__(self) -> None:
        self.seen = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.seen += len(images)
        return [Matte(np.ones(image.pixels.shape[:2], np.float32)) for image in images]


def samples(folder: Path) -> list[Sample]:
    write_catalogue(folder)
    labelled = read_labelled(open_dataset(folder), min_images=1)
    return [*labelled.train, *labelled.validation]


def fill(folder: Path, given: Sequence[Sample], name: str = NAME) -> tuple[Cutouts, list[str], int]:
    segmenter = Counting()
    cutting = Cutting(segmenter, build(Options(size=16), BuildContext()))
    cutouts, faults = CutoutCache(folder, name).fill(given, cutting)
    return cutouts, faults, segmenter.seen


def test_every_image_is_cut_once_and_found_by_its_content(tmp_path: Path) -> None:
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


def test_what_a_kill_left_between_pixels_and_index_is_cut_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = samples(tmp_path / "data")
    whole, _, _ = fill(tmp_path / "whole", given)
    put, calls = Blobs.put, []

    def killed(self: Blobs, blobs: Mapping[str, Blob]) -> None:
        calls.append(blobs)
        if len(calls) == 2:
            raise KeyboardInterrupt
        put(self, blobs)

    monkeypatch.setattr(Blobs, "put", killed)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "cache", given)
    (path,) = (tmp_path / "cache").glob(f"*/{PIXELS}")
    with path.open("ab") as file:
        file.write(b"half a cutout")
    mended, _, seen = fill(tmp_path / "cache", given)
    assert seen == len(given) - BATCH
    for sample in given:
        cut, expected = (
            found.cutout(found.positions([sample])[0]).pixels for found in (mended, whole)
        )
        np.testing.assert_array_equal(cut, expected)


@pytest.mark.parametrize("more", [False, True])
@pytest.mark.parametrize("left", [0, 16 * 16 * 4 * 9 - 1])
def test_pixels_that_are_gone_are_damage_that_names_the_folder(
    tmp_path: Path, left: int, more: bool
) -> None:
    given = samples(tmp_path / "data")
    fill(tmp_path / "cache", given[:9])
    (path,) = (tmp_path / "cache").glob(f"*/{PIXELS}")
    content = path.read_bytes()
    path.unlink()
    if left:
        path.write_bytes(content[:left])
    with pytest.raises(ConfigError) as damage:
        fill(tmp_path / "cache", given if more else given[:9])
    assert str(path.parent) in damage.value.remedy
    shutil.rmtree(path.parent)
    assert fill(tmp_path / "cache", given[:9])[2] == 9


def test_only_the_images_that_are_wanted_have_rows(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")
    fill(tmp_path / "cache", given)
    some, _, seen = fill(tmp_path / "cache", given[3:5])
    assert seen == 0 and set(some.rows) == {sample.sha256 for sample in given[3:5]}


def test_an_image_that_cannot_be_decoded_is_a_fault_and_has_no_row(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")
    given[3].image.path.write_text("no image")
    cutouts, faults, _ = fill(tmp_path / "cache", given)
    assert len(cutouts.rows) == len(given) - 1 and given[3].sha256 not in cutouts.rows
    (fault,) = faults
    assert str(given[3].image.path) in fault


def test_nothing_to_cut_is_no_trouble(tmp_path: Path) -> None:
    cutouts, faults, _ = fill(tmp_path / "cache", [])
    assert len(cutouts.pixels) == 0 and faults == []


def test_a_folder_that_cannot_be_made_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sample = Sample(open_dataset(_one(tmp_path)).images("all")[0], "0" * 64, 0)
    with pytest.raises(ConfigError) as refused:
        fill(tmp_path / "file", [sample])
    assert "--cache" in refused.value.remedy


def _one(folder: Path) -> Path:
    save(folder / "data" / "jar" / "a.png", package("jar", 0))
    return folder / "data"


def test_a_cutout_comes_back_as_it_was_cut_but_for_its_box(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")[:1]
    cutter = build(Options(size=16), BuildContext())
    cutouts, _ = CutoutCache(tmp_path / "cache", NAME).fill(given, Cutting(Halving(), cutter))
    image = load(given[0].image.path)
    (fresh,) = cutter.cut([image], Halving().segment([image]))
    kept = cutouts.cutout(0)
    np.testing.assert_array_equal(kept.pixels, fresh.pixels)
    np.testing.assert_allclose(kept.alpha, fresh.alpha, atol=0.5 / 255 + 1e-6)
    assert 0 < kept.alpha.mean() < 1 and kept.trust is None


def test_the_trust_of_a_mask_is_kept_with_its_cutout(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")[:3]
    cutter = build(Options(size=16), BuildContext())
    cutting = Cutting(Halving(), cutter, trust=Doubting())
    for _ in range(2):  # cut, then read
        cutouts, _ = CutoutCache(tmp_path / "cache", NAME).fill(given, cutting)
        assert [cutouts.cutout(row).trust for row in range(3)] == [0.25] * 3


def test_a_query_is_cut_out_of_its_own_part_of_the_image_alone(tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[10:30, 20:50] = 200
    save(tmp_path / "data" / "jar" / "a.png", pixels)
    (whole,) = open_dataset(tmp_path / "data").images("all")
    part = replace(whole, crop=(20, 10, 50, 30))
    both = [Sample(whole, "a", 0), Sample(part, "a", 0)]
    cutouts, faults, seen = fill(tmp_path / "cache", both)
    assert faults == [] and seen == 2
    first, second = (cutouts.cutout(row).pixels for row in cutouts.positions(both))
    assert first.min() == 0 and second.min() >= 199


@hypothesis_given(box=st.tuples(*[st.integers(0, 59)] * 4))
def test_a_part_is_the_same_wherever_the_image_was_shrunk(box: tuple[int, ...]) -> None:
    x1, y1, x2, y2 = min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1:])
    image = DatasetImage("a", Path("a"), crop=(x1, y1, x2 + 1, y2 + 1))
    pixels = np.random.default_rng(0).integers(0, 255, (60, 60, 3), dtype=np.uint8)
    part = cropped(RGBImage(pixels), image).pixels
    np.testing.assert_array_equal(part, pixels[y1 : y2 + 1, x1 : x2 + 1])
    half = RGBImage(np.ascontiguousarray(pixels[::2, ::2]), original_size=(60, 60))
    small = cropped(half, image).pixels
    assert abs(2 * small.shape[0] - part.shape[0]) <= 2


def test_a_part_beyond_the_image_is_a_fault_of_that_image(tmp_path: Path) -> None:
    given = samples(tmp_path / "data")[:2]
    beyond = replace(given[0].image, crop=(9000, 9000, 9100, 9100))
    cutouts, faults, _ = fill(tmp_path / "cache", [replace(given[0], image=beyond), given[1]])
    assert len(cutouts.rows) == 1
    assert len(faults) == 1 and "beyond" in faults[0]


class Halving:
    """Finds the left half to be product, and half of the rest."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        mattes = []
        for image in images:
            alpha = np.full(image.pixels.shape[:2], 0.3, np.float32)
            alpha[:, : image.width // 2] = 1
            mattes.append(Matte(alpha))
        return mattes


class Doubting:
    threshold = 0.5

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        return np.full(len(images), 0.25, np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        return matte

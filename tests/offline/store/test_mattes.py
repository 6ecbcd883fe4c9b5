"""Mattes are made once and found again by content."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutting import Cutting
from engine.types import Matte, RGBImage
from offline.store.blobs import Blobs
from offline.store.mattes import RememberedMatting, RememberedSegmenter, digest, remembered, rounded
from stages.assemble import assemble_cutting
from tests.offline.evaluate.counting_parts import quick_settings


@dataclass
class CountingSegmenter:
    """An image's red channel; counts the images that it was called with."""

    seen: int = 0

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        self.seen += len(images)
        return [
            Matte(image.pixels[..., 0].astype(np.float32) / np.float32(301)) for image in images
        ]


@dataclass
class HalvingMatting:
    seen: int = 0

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        self.seen += len(images)
        return [Matte(matte.alpha / np.float32(2)) for matte in mattes]


def drawn(count: int, seed: int = 0) -> list[RGBImage]:
    random = np.random.default_rng(seed)
    shapes = [(5 + at, 9, 3) for at in range(count)]
    return [RGBImage(random.integers(0, 256, shape, np.uint8)) for shape in shapes]


def alphas(found: Sequence[Matte]) -> list[bytes]:
    return [matte.alpha.tobytes() for matte in found]


def mattes(folder: Path) -> Blobs:
    return Blobs(folder, "mattes")


def test_an_image_is_segmented_once_in_whatever_order(tmp_path: Path) -> None:
    inner, images = CountingSegmenter(), drawn(4)
    first = RememberedSegmenter(inner, mattes(tmp_path)).segment(images)
    assert inner.seen == 4
    later = RememberedSegmenter(inner, mattes(tmp_path))
    assert alphas(later.segment(images[::-1])) == alphas(first[::-1])
    assert inner.seen == 4
    expected = [rounded(matte) for matte in CountingSegmenter().segment(images)]
    assert alphas(first) == alphas(expected)


def test_an_image_that_is_there_twice_is_segmented_once(tmp_path: Path) -> None:
    inner, (image,) = CountingSegmenter(), drawn(1)
    found = RememberedSegmenter(inner, mattes(tmp_path)).segment([image, image])
    assert inner.seen == 1 and len(found) == 2


def test_a_refined_matte_is_found_by_its_image_and_its_rough_one(tmp_path: Path) -> None:
    inner, images = HalvingMatting(), drawn(2)
    matting = RememberedMatting(inner, mattes(tmp_path))
    rough = CountingSegmenter().segment(images)
    first = matting.refine(images, rough)
    assert alphas(matting.refine(images, rough)) == alphas(first) and inner.seen == 2
    other = [rough[0], Matte(np.ones_like(rough[1].alpha))]
    assert matting.refine(images, other)[1].alpha.max() == np.float32(128 / 255)
    assert inner.seen == 3


def test_a_segmenter_remembers_what_another_process_added(tmp_path: Path) -> None:
    images, inner = drawn(2), CountingSegmenter()
    one, other = (RememberedSegmenter(inner, mattes(tmp_path)) for _ in range(2))
    one.segment(images[:1])
    other.segment(images[1:])
    one.segment(images)
    other.segment(images)
    assert inner.seen == 2


def test_a_cache_that_was_cleared_meanwhile_is_filled_anew(tmp_path: Path) -> None:
    inner, images = CountingSegmenter(), drawn(2)
    segmenter = RememberedSegmenter(inner, mattes(tmp_path / "cache"))
    segmenter.segment(images)
    shutil.rmtree(tmp_path / "cache")
    for _ in range(2):
        segmenter.segment(images)
        assert inner.seen == 4


def test_a_fault_of_the_segmenter_is_not_taken_for_one_of_the_cache(tmp_path: Path) -> None:
    class Broken:
        def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
            raise OSError("device lost")

    with pytest.raises(OSError, match="device lost"):
        RememberedSegmenter(Broken(), mattes(tmp_path)).segment(drawn(1))


@given(st.floats(0, 1, width=32))
def test_a_rounded_matte_has_the_same_mask_and_is_rounded_once(level: float) -> None:
    matte = Matte(np.full((1, 1), level, np.float32))
    once = rounded(matte)
    assert (once.alpha >= 0.5) == (matte.alpha >= 0.5)
    assert abs(float(once.alpha[0, 0]) - level) <= 0.5 / 255 + 1e-6
    np.testing.assert_array_equal(rounded(once).alpha, once.alpha)


def test_keys_tell_shapes_types_and_contents_apart() -> None:
    zeros = np.zeros((2, 6), np.uint8)
    others = [zeros.reshape(3, 4), zeros.view(np.bool_), np.ones((2, 6), np.uint8)]
    assert len({digest(zeros), digest(zeros, zeros), *map(digest, others)}) == 5
    assert digest(zeros) == digest(np.asfortranarray(zeros))


def test_systems_share_the_mattes_of_one_segmenter_and_nothing_else(tmp_path: Path) -> None:
    images, inner, matting = drawn(2), CountingSegmenter(), HalvingMatting()
    cutter = assemble_cutting(quick_settings()).cutting.cutter
    plain = Cutting(inner, cutter)
    first = remembered(plain, tmp_path, "a" * 64, "b" * 64).cut(images)
    matted = remembered(replace(plain, matting=matting), tmp_path, "a" * 64, "c" * 64).cut(images)
    assert inner.seen == matting.seen == 2
    assert [cut.matte.alpha.max() for cut in matted] < [cut.matte.alpha.max() for cut in first]
    remembered(plain, tmp_path, "d" * 64, "e" * 64).cut(images)
    assert inner.seen == 4

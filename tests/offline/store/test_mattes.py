"""Mattes are made once, found again by content, and survive a kill and a damaged file."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.cutting import Cutting
from engine.errors import ConfigError
from engine.parallel import each
from engine.types import Matte, RGBImage
from offline.store.matte_store import DATA, INDEX, MatteStore, rounded
from offline.store.mattes import RememberedMatting, RememberedSegmenter, digest, remembered
from stages.assemble import assemble_cutting
from tests.offline.evaluate.counting_parts import quick_settings


@dataclass
class CountingSegmenter:
    """A picture's red channel; counts the pictures it was asked for."""

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


def pictures(count: int, seed: int = 0) -> list[RGBImage]:
    random = np.random.default_rng(seed)
    shapes = [(5 + at, 9, 3) for at in range(count)]
    return [RGBImage(random.integers(0, 256, shape, np.uint8)) for shape in shapes]


def alphas(mattes: Sequence[Matte]) -> list[bytes]:
    return [matte.alpha.tobytes() for matte in mattes]


def test_a_picture_is_segmented_once_whoever_asks_in_whatever_order(tmp_path: Path) -> None:
    inner, images = CountingSegmenter(), pictures(4)
    first = RememberedSegmenter(inner, MatteStore(tmp_path)).segment(images)
    assert inner.seen == 4
    later = RememberedSegmenter(inner, MatteStore(tmp_path))
    assert alphas(later.segment(images[::-1])) == alphas(first[::-1])
    assert inner.seen == 4
    expected = [rounded(matte) for matte in CountingSegmenter().segment(images)]
    assert alphas(first) == alphas(expected)


def test_a_picture_that_is_there_twice_is_segmented_once(tmp_path: Path) -> None:
    inner, (image,) = CountingSegmenter(), pictures(1)
    mattes = RememberedSegmenter(inner, MatteStore(tmp_path)).segment([image, image])
    assert inner.seen == 1 and len(mattes) == 2


def test_a_refined_matte_is_found_by_its_picture_and_its_rough_one(tmp_path: Path) -> None:
    inner, images = HalvingMatting(), pictures(2)
    matting = RememberedMatting(inner, MatteStore(tmp_path))
    mattes = CountingSegmenter().segment(images)
    first = matting.refine(images, mattes)
    assert alphas(matting.refine(images, mattes)) == alphas(first) and inner.seen == 2
    other = [mattes[0], Matte(np.ones_like(mattes[1].alpha))]
    assert matting.refine(images, other)[1].alpha.max() == np.float32(128 / 255)
    assert inner.seen == 3


def test_two_that_write_at_once_find_what_the_other_added(tmp_path: Path) -> None:
    one, other = MatteStore(tmp_path), MatteStore(tmp_path)
    assert other.get(["a"]) == [None]
    matte = Matte(np.full((2, 3), 0.2, np.float32))
    one.put({"a": matte})
    other.put({"b": matte})
    for store in (one, other):
        found = store.get(["b", "a", "c"])
        assert [matte is not None for matte in found] == [True, True, False]


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    matte = Matte(np.full((20, 30), 0.4, np.float32))
    names = [[f"{writer}-{at}" for at in range(25)] for writer in range(4)]

    def write(mine: Sequence[str]) -> None:
        store = MatteStore(tmp_path)
        for name in mine:
            store.put({name: matte})

    each(write, names, threads=4)
    found = MatteStore(tmp_path).get([name for mine in names for name in mine])
    assert len(found) == 100 and None not in found


def test_of_a_key_written_twice_the_last_counts(tmp_path: Path) -> None:
    store = MatteStore(tmp_path)
    for level in (0.2, 0.4):
        store.put({"a": Matte(np.full((1, 1), level, np.float32))})
    (found,) = MatteStore(tmp_path).get(["a"])
    assert found is not None and found.alpha[0, 0] == np.float32(0.4)


@given(
    data_cut=st.integers(0, 60),
    index_cut=st.integers(0, 90),
    rubbish=st.sampled_from([b"", b"x", b'["a"', b'["a", 0, 1]\n', b"\xff\xfe\n", b"\x00" * 40]),
)
def test_after_any_damage_every_matte_is_either_right_or_made_anew(
    data_cut: int, index_cut: int, rubbish: bytes
) -> None:
    images = pictures(3)
    expected = [rounded(matte) for matte in CountingSegmenter().segment(images)]
    with tempfile.TemporaryDirectory() as name:
        folder, inner = Path(name), CountingSegmenter()
        RememberedSegmenter(inner, MatteStore(folder)).segment(images)
        for file, lost in ((DATA, data_cut), (INDEX, index_cut)):
            whole = (folder / file).read_bytes()
            (folder / file).write_bytes(whole[: len(whole) - lost] + rubbish)
        mended = RememberedSegmenter(inner, MatteStore(folder))
        assert alphas(mended.segment(images)) == alphas(expected)
        before = inner.seen
        again = RememberedSegmenter(inner, MatteStore(folder)).segment(images)
        assert alphas(again) == alphas(expected) and inner.seen == before


def test_a_cache_that_was_cleared_meanwhile_is_filled_anew(tmp_path: Path) -> None:
    inner, images = CountingSegmenter(), pictures(2)
    segmenter = RememberedSegmenter(inner, MatteStore(tmp_path))
    segmenter.segment(images)
    for file in (DATA, INDEX):
        (tmp_path / file).unlink()
    segmenter.segment(images)
    assert inner.seen == 4
    segmenter.segment(images)
    assert inner.seen == 4


def test_a_folder_that_cannot_be_written_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    segmenter = RememberedSegmenter(CountingSegmenter(), MatteStore(tmp_path / "file"))
    with pytest.raises(ConfigError, match="--cache"):
        segmenter.segment(pictures(1))


def test_a_fault_of_the_segmenter_is_not_taken_for_one_of_the_cache(tmp_path: Path) -> None:
    class Broken:
        def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
            raise OSError("device lost")

    with pytest.raises(OSError, match="device lost"):
        RememberedSegmenter(Broken(), MatteStore(tmp_path)).segment(pictures(1))


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


def test_systems_share_what_one_segmenter_said_and_nothing_else(tmp_path: Path) -> None:
    images, inner, matting = pictures(2), CountingSegmenter(), HalvingMatting()
    cutter = assemble_cutting(quick_settings()).cutting.cutter
    plain = Cutting(inner, cutter)
    first = remembered(plain, tmp_path, "a" * 64, "b" * 64).cut(images)
    matted = remembered(replace(plain, matting=matting), tmp_path, "a" * 64, "c" * 64).cut(images)
    assert inner.seen == matting.seen == 2
    assert [cut.matte.alpha.max() for cut in matted] < [cut.matte.alpha.max() for cut in first]
    remembered(plain, tmp_path, "d" * 64, "e" * 64).cut(images)
    assert inner.seen == 4

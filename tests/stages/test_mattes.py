"""Mattes that are made once: by any command, without loss, whatever happens to the store."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import engine.blobs
from engine.blobs import FILE, Blobs
from engine.config import Settings, load
from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from stages import _mattes
from stages._mattes import (
    MatteStore,
    RememberingSegmenter,
    TwoStepSegmenter,
    digest,
    identity_of,
    remembering_estimate,
)
from stages.assemble import assemble, assemble_cutting
from stages.matting._trimap import Trimap
from stages.profiles import read_profile
from tests.drawn_catalogue import package
from tests.packsight_command import ROOT

IDENTITY = "a" * 64


class CountingSegmenter(TwoStepSegmenter):
    """The green channel at half the size, as any type; counts the images it predicted."""

    def __init__(self, kind: str = "<f4") -> None:
        self.kind = kind
        self.seen = 0

    def predict(self, images: Sequence[RGBImage]) -> list[npt.NDArray[Any]]:
        self.seen += len(images)
        return [(image.pixels[::2, ::2, 1] / 301).astype(self.kind) for image in images]

    def matte(self, predicted: npt.NDArray[Any], image: RGBImage) -> Matte:
        alpha = predicted.astype(np.float32).repeat(2, axis=0).repeat(2, axis=1)
        return Matte(np.ascontiguousarray(alpha[: image.height, : image.width]))


@pytest.fixture(autouse=True)
def warned_of_nothing() -> Iterator[None]:
    _mattes._warn.cache_clear()
    yield
    _mattes._warn.cache_clear()


def drawn(count: int, seed: int = 0) -> list[RGBImage]:
    random = np.random.default_rng(seed)
    shapes = [(5 + at, 9, 3) for at in range(count)]
    return [RGBImage(random.integers(0, 256, shape, np.uint8)) for shape in shapes]


def alphas(found: Sequence[Matte]) -> list[bytes]:
    return [matte.alpha.tobytes() for matte in found]


def remembering(
    folder: Path, inner: TwoStepSegmenter, limit: int | None = None
) -> RememberingSegmenter:
    return RememberingSegmenter(inner, MatteStore(Blobs(folder, "mattes", limit)), IDENTITY)


@pytest.mark.parametrize("kind", ["<f4", "<f8", "|b1", "|u1"])
def test_an_image_is_predicted_once_and_its_matte_is_the_same_bit_by_bit(
    tmp_path: Path, kind: str
) -> None:
    inner, images = CountingSegmenter(kind), drawn(4)
    plain = inner.segment(images)
    first = remembering(tmp_path, inner).segment(images)
    later = remembering(tmp_path, inner).segment(images[::-1])
    assert inner.seen == 8
    assert alphas(first) == alphas(plain) == alphas(later[::-1])


def test_an_image_that_is_there_twice_is_predicted_once(tmp_path: Path) -> None:
    inner, (image,) = CountingSegmenter(), drawn(1)
    found = remembering(tmp_path, inner).segment([image, image])
    assert inner.seen == 1 and len(found) == 2
    assert remembering(tmp_path, inner).segment([]) == []


def test_another_segmenter_finds_nothing_of_it(tmp_path: Path) -> None:
    images, other = drawn(2), CountingSegmenter()
    first = remembering(tmp_path, CountingSegmenter())
    first.segment(images)
    RememberingSegmenter(other, first.store, "b" * 64).segment(images)
    assert other.seen == 2


def test_an_estimate_is_found_by_its_pixels_saliency_and_trimap(tmp_path: Path) -> None:
    made = []

    def estimate(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        made.append(pixels)
        return np.where(trimap.unknown, saliency / np.float32(3), saliency)

    (image,) = drawn(1)
    saliency = np.linspace(0, 1, 45, dtype=np.float32).reshape(5, 9)
    known, none = saliency > 0.9, np.zeros((5, 9), np.bool_)
    trimaps = [Trimap(none, known), Trimap(known, none), Trimap(none, none)]
    plain = [estimate(image.pixels, saliency, trimap) for trimap in trimaps]
    once = remembering_estimate(estimate, MatteStore(Blobs(tmp_path, "mattes")), IDENTITY)
    for _ in range(2):
        for trimap, expected in zip(trimaps, plain, strict=True):
            np.testing.assert_array_equal(once(image.pixels, saliency, trimap), expected)
    assert len(made) == 2 * len(trimaps)


def test_keys_tell_shapes_types_and_contents_apart() -> None:
    zeros = np.zeros((2, 6), np.uint8)
    others = [zeros.reshape(3, 4), zeros.view(np.bool_), np.ones((2, 6), np.uint8)]
    assert len({digest(zeros), digest(zeros, zeros), *map(digest, others)}) == 5
    assert digest(zeros) == digest(np.asfortranarray(zeros))
    assert identity_of({"name": "a"}) != identity_of({"name": "b"})


@pytest.mark.parametrize("trouble", ["a file in its place", "damaged", "full", "held"])
def test_where_the_store_cannot_be_used_mattes_are_made_and_one_line_is_logged(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    trouble: str,
) -> None:
    inner, images, folder = CountingSegmenter(), drawn(4), tmp_path / "mattes"
    segmenter = remembering(folder, inner)
    if trouble == "a file in its place":
        folder.write_text("")
    elif trouble == "damaged":
        segmenter.segment(images[:1])
        (folder / FILE).write_bytes(b"no database" * 1000)
    elif trouble == "full":
        monkeypatch.setattr(Blobs, "put", _no_room)
    else:
        from filelock import FileLock

        monkeypatch.setattr(engine.blobs, "BUSY_SECONDS", 0.05)
        folder.mkdir()
        held = FileLock(folder / engine.blobs.LOCK)
        held.acquire()
    with caplog.at_level(logging.WARNING):
        found = [segmenter.segment([image]) for image in images]
    assert alphas([one for (one,) in found]) == alphas(inner.segment(images))
    assert len(caplog.records) == 1 and str(folder) in caplog.text


def _no_room(store: Blobs, blobs: object) -> None:
    with store.explained():
        raise OSError(28, "No space left on device")


def test_a_fault_of_the_segmenter_is_not_taken_for_one_of_the_store(tmp_path: Path) -> None:
    class Broken(CountingSegmenter):
        def predict(self, images: Sequence[RGBImage]) -> list[npt.NDArray[Any]]:
            raise OSError("device lost")

    with pytest.raises(OSError, match="device lost"):
        remembering(tmp_path, Broken()).segment(drawn(1))


def test_beyond_its_limit_the_oldest_make_room(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [RGBImage(random.integers(0, 256, (200, 200, 3), np.uint8)) for _ in range(30)]
    inner, limit = CountingSegmenter(), 400_000
    segmenter = remembering(tmp_path, inner, limit)
    for image in images:
        segmenter.segment([image])
    assert (tmp_path / FILE).stat().st_size <= 1.2 * limit
    before = inner.seen
    segmenter.segment(images[-5:])
    assert inner.seen == before
    segmenter.segment(images[:1])
    assert inner.seen == before + 1


def test_a_lower_limit_gives_room_back(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    images = [RGBImage(random.integers(0, 256, (200, 200, 3), np.uint8)) for _ in range(20)]
    remembering(tmp_path, CountingSegmenter(), 10**9).segment(images)
    remembering(tmp_path, CountingSegmenter(), 200_000).segment(drawn(1))
    for log in tmp_path.glob(f"{FILE}-*"):
        assert log.stat().st_size == 0
    assert (tmp_path / FILE).stat().st_size <= 250_000


_KILLED = """
import os, signal
from engine.blobs import Blobs
from tests.stages.test_mattes import CountingSegmenter, drawn, remembering
from pathlib import Path
segmenter = remembering(Path({folder!r}), CountingSegmenter())
segmenter.segment(drawn(3))
def killed(self):
    os.kill(os.getpid(), signal.SIGKILL)
Blobs._evict = lambda self, connection: killed(self)  # in the midst of a transaction
segmenter.segment(drawn(3, seed=1))
"""


def test_what_a_killed_process_kept_is_found_and_the_store_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _KILLED.format(folder=str(tmp_path))],
        cwd=ROOT,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    inner = CountingSegmenter()
    segmenter = remembering(tmp_path, inner)
    segmenter.segment(drawn(3))
    assert inner.seen == 0
    for _ in range(2):
        segmenter.segment(drawn(3, seed=1))
        assert inner.seen == 3


def settings(folder: Path, monkeypatch: pytest.MonkeyPatch, *flags: str) -> Settings:
    monkeypatch.setenv("PACKSIGHT_MATTES_DIR", str(folder))
    return load(read_profile("classic"), env={}, flags=flags)


def test_descriptions_with_and_without_the_store_are_equal_bit_by_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = [RGBImage(package("jar", 3)), RGBImage(package("bottle", 1))]
    chosen = settings(tmp_path / "mattes", monkeypatch)
    plain = assemble(chosen)
    assert not (tmp_path / "mattes").exists()
    for _ in range(2):  # made, then read
        kept = assemble(chosen, keep_mattes=True)
        assert kept.fingerprint == plain.fingerprint
        for one, other in zip(
            kept.describer.cutting.cut(images), plain.describer.cutting.cut(images), strict=True
        ):
            assert one.matte.alpha.tobytes() == other.matte.alpha.tobytes()
            assert one.cutout.pixels.tobytes() == other.cutout.pixels.tobytes()
            assert one.matte.precise == other.matte.precise
    assert (tmp_path / "mattes" / FILE).is_file()


def test_a_setting_switches_the_store_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = settings(tmp_path / "mattes", monkeypatch, "runtime.mattes_gb=0")
    assemble_cutting(chosen).cutting.cut([RGBImage(package("jar", 3))])
    assert not (tmp_path / "mattes").exists()
    with_store = settings(tmp_path / "mattes", monkeypatch)
    assert assemble(chosen).fingerprint == assemble(with_store).fingerprint
    assert assemble(chosen).answering == assemble(with_store).answering


def test_settings_with_and_without_a_closer_look_share_mattes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = RGBImage(package("jar", 3))
    for closer in ("true", "false"):
        chosen = settings(tmp_path, monkeypatch, f"images.closer_look={closer}")
        assemble_cutting(chosen).cutting.cut([image])
    assert Blobs(tmp_path, "mattes").count()[0] == 1

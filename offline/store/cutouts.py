"""Cutouts made once and kept: segmenting costs far more than a training step or an embedding.

A folder a way of cutting (its fingerprint). Which image each cutout is of and how reliable its
mask is stand in ``Blobs``; the pixels in one raw file beside, S * S * 4 bytes each (red, green,
blue, alpha), since a training reads random batches: from the memory map 32 of 224 x 224 take 21 to
23 ms, from SQLite 1.14 to 1.49 times as long, of 128 x 128 1.10 to 1.68 times
(``benchmarks/store_throughput.py``, two runs on a busy machine of two cores). The file only grows,
so that a killed run goes on where it stopped and trainings and evaluations can share a folder.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.blobs import Blob, Blobs
from engine.cutting import Cut, Cutting
from engine.images import ImageLimits
from engine.types import Cutout, FloatArray, Progress, UInt8Array
from offline.store.images import Hashed, key_of, loaded

BATCH = 8  # images in memory at a time: what a kill may cost
CHANNELS = 4
PIXELS = "cutouts.rgba"
SHAPE = "shape"  # the key of the raw file's (N, S, S, 4); all others are those of images


@dataclass(frozen=True)
class Cutouts:
    """``rgba`` (N, S, S, 4) uint8, mapped from the file; ``rows`` finds the cutout of an image by
    ``key_of``; ``trusts`` (N,): how reliable each mask is, NaN where that was not judged."""

    rgba: UInt8Array
    rows: dict[str, int]
    trusts: FloatArray

    @property
    def pixels(self) -> UInt8Array:
        """(N, S, S, 3)"""
        return self.rgba[..., :3]

    @property
    def alpha(self) -> UInt8Array:
        """(N, S, S), 255 = product"""
        return self.rgba[..., 3]

    @property
    def side(self) -> int:
        return int(self.rgba.shape[1])

    def positions(self, samples: Iterable[Hashed]) -> list[int]:
        return [self.rows[key_of(sample)] for sample in samples]

    def cutout(self, row: int) -> Cutout:
        """As the cutter gave it, but for its box, and alpha in steps of 1 / 255."""
        rgba = np.asarray(self.rgba[row])
        pixels = np.ascontiguousarray(rgba[..., :3])
        alpha = rgba[..., 3].astype(np.float32) / np.float32(255)
        trust = float(self.trusts[row])
        box = (0, 0, self.side, self.side)
        return Cutout(pixels, alpha, box, None if np.isnan(trust) else trust)


class CutoutCache:
    """Raises ConfigError where the folder cannot be written or is damaged."""

    def __init__(self, folder: Path, fingerprint: str, limits: ImageLimits | None = None) -> None:
        self._index = Blobs(folder / f"cutouts-{fingerprint[:16]}", "cutouts")
        self._limits = limits or ImageLimits()

    def fill(
        self,
        samples: Sequence[Hashed],
        cutting: Cutting,
        threads: int = 1,
        progress: Progress | None = None,
    ) -> tuple[Cutouts, list[str]]:
        """Cut what is not there yet; returns the cutouts of ``samples``, and a sentence for every
        image that cannot be decoded (it has no row)."""
        by_key = {key_of(sample): sample for sample in samples}
        faults: list[str] = []

        def make(keys: list[str]) -> Iterator[dict[str, Blob]]:
            for start in range(0, len(keys), BATCH):
                chunk = keys[start : start + BATCH]
                images, unread = loaded([by_key[key] for key in chunk], self._limits, threads)
                faults.extend(unread)
                if images:
                    cuts = cutting.cut(list(images.values()))
                    yield self._appended([chunk[place] for place in images], cuts)
                if progress is not None:
                    progress(start + len(chunk), len(keys))

        kept = dict(self._index.filled(by_key, make))
        kept.pop(SHAPE, None)
        return self._mapped(kept), faults

    def _appended(self, keys: Sequence[str], cuts: Sequence[Cut]) -> dict[str, Blob]:
        """Pixels on the disk first: what the index names is whole. What a kill left behind the
        last whole cutout is overwritten."""
        made = np.stack([_rgba(cut.cutout) for cut in cuts])
        self._shape()  # what it holds must be whole, or later rows would lie over lost ones
        with self._index.explained(), (self._index.folder / PIXELS).open("ab") as file:
            first = file.tell() // made[0].nbytes
            file.truncate(first * made[0].nbytes)
            file.write(made.tobytes())
            file.flush()
            os.fsync(file.fileno())
        trusts = np.array([np.nan if cut.trust is None else cut.trust for cut in cuts], np.float32)
        shape = Blob(np.array([first + len(made), *made.shape[1:]], np.int64))
        rows = zip(keys, trusts, strict=True)
        return {
            SHAPE: shape,
            **{key: Blob(trust, first + place) for place, (key, trust) in enumerate(rows)},
        }

    def _shape(self) -> tuple[int, ...]:
        """(N, S, S, 4) of the raw file, by the index. ConfigError for a file that is shorter."""
        kept = dict(self._index.read([SHAPE]))
        if not kept:
            return (0, 1, 1, CHANNELS)
        shape = tuple(kept[SHAPE].array.tolist())
        path = self._index.folder / PIXELS
        if not path.is_file() or path.stat().st_size < math.prod(shape):
            raise self._index.damaged(f"{PIXELS} is shorter than its index")
        return shape

    def _mapped(self, kept: dict[str, Blob]) -> Cutouts:
        shape = self._shape()
        rows = {key: int(blob.note) for key, blob in kept.items()}
        trusts = np.full(shape[0], np.nan, np.float32)
        trusts[list(rows.values())] = [float(blob.array) for blob in kept.values()]
        if not rows:
            return Cutouts(np.zeros((0, *shape[1:]), np.uint8), rows, trusts[:0])
        rgba = np.memmap(self._index.folder / PIXELS, np.uint8, "r", shape=shape)
        return Cutouts(rgba, rows, trusts)


def _rgba(cutout: Cutout) -> UInt8Array:
    alpha = np.rint(cutout.alpha * np.float32(255)).astype(np.uint8)
    return np.dstack([cutout.pixels, alpha])

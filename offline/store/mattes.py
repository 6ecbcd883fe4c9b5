"""Cutting parts that remember their mattes: each image is segmented and matted once.

Mattes are kept in 8 bits, compressed, and returned so at the first time too: a run that was killed
and one that was not measure the same.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.cutting import Cutting
from engine.protocols import Matting, Segmenter
from engine.types import Matte, RGBImage, UInt8Array
from offline.store.blobs import Blob, Blobs

LEVELS = 255  # steps of alpha, as in any 8-bit mask file
# zlib's least effort: 2 ms and 2.8 % of the bytes of a 1024 x 1024 matte (means of 20 of
# Packbench's); the most takes 11 ms for 2.2 %.
EFFORT = 1


@dataclass(frozen=True)
class RememberedSegmenter:
    """Calls ``segmenter`` only for images it has not seen; by their pixels."""

    segmenter: Segmenter
    store: Blobs

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        def made(places: Sequence[int]) -> list[Matte]:
            return self.segmenter.segment([images[place] for place in places])

        return _recalled(self.store, [digest(image.pixels) for image in images], made)


@dataclass(frozen=True)
class RememberedMatting:
    """As ``RememberedSegmenter``; by the pixels and the matte that is refined."""

    matting: Matting
    store: Blobs

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        def made(places: Sequence[int]) -> list[Matte]:
            rough = [mattes[place] for place in places]
            return self.matting.refine([images[place] for place in places], rough)

        pairs = zip(images, mattes, strict=True)
        return _recalled(self.store, [digest(i.pixels, m.alpha) for i, m in pairs], made)


def remembered(cutting: Cutting, cache: Path, segmenting: str, refining: str) -> Cutting:
    """The same parts, remembering below ``cache``.

    ``segmenting`` is the fingerprint of the segmenter alone, so that systems which share it share
    its mattes; ``refining`` that of all cutting parts.
    """
    rough = Blobs(cache / f"mattes-{segmenting[:16]}", "mattes")
    kept = replace(cutting, segmenter=RememberedSegmenter(cutting.segmenter, rough))
    if cutting.matting is None:
        return kept
    refined = Blobs(cache / f"refined-{refining[:16]}", "mattes")
    return replace(kept, matting=RememberedMatting(cutting.matting, refined))


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """sha256 of shapes, types and contents."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.shape} {array.dtype.str} ".encode())
        found.update(np.ascontiguousarray(array).data)
    return found.hexdigest()


def rounded(matte: Matte) -> Matte:
    """In steps of 1 / 255, as a store returns it. What is >= 0.5 stays so, and what is below
    stays below: 0.5 lies between two steps, and is rounded up."""
    return _matte(_levels(matte), matte.precise)


def _recalled(
    store: Blobs, keys: Sequence[str], make: Callable[[Sequence[int]], list[Matte]]
) -> list[Matte]:
    """Aligned with the keys: what is kept, and the rest made, by place, and kept."""
    mattes = {key: _unpacked(blob) for key, blob in store.read(keys)}
    missing = {key: place for place, key in enumerate(keys) if key not in mattes}
    if missing:
        fresh = dict(zip(missing, make(list(missing.values())), strict=True))
        store.put({key: _packed(matte) for key, matte in fresh.items()})
        mattes.update((key, rounded(matte)) for key, matte in fresh.items())
    return [mattes[key] for key in keys]


def _packed(matte: Matte) -> Blob:
    packed = zlib.compress(_levels(matte).tobytes(), EFFORT)
    note = [*matte.alpha.shape, "precise"] if matte.precise else matte.alpha.shape
    return Blob(np.frombuffer(packed, np.uint8), note)


def _unpacked(blob: Blob) -> Matte:
    levels = np.frombuffer(zlib.decompress(blob.array.tobytes()), np.uint8)
    return _matte(levels.reshape(blob.note[:2]), "precise" in blob.note)


def _levels(matte: Matte) -> UInt8Array:
    levels: UInt8Array = np.rint(matte.alpha * np.float32(LEVELS)).astype(np.uint8)
    return levels


def _matte(levels: UInt8Array, precise: bool) -> Matte:
    return Matte(levels.astype(np.float32) / np.float32(LEVELS), precise)

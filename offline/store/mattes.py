"""Cutting parts that remember: each picture is segmented and matted once, whoever asks again.

Mattes are kept in 8 bits and given back so at the first time too: a run that was killed and one
that was not measure the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.cutting import Cutting
from engine.protocols import Matting, Segmenter
from engine.types import Matte, RGBImage
from offline.store.matte_store import MatteStore, rounded


@dataclass(frozen=True)
class RememberedSegmenter:
    """A segmenter that asks ``segmenter`` only for pictures it has not seen; by their pixels."""

    segmenter: Segmenter
    store: MatteStore

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        def made(places: Sequence[int]) -> list[Matte]:
            return self.segmenter.segment([images[place] for place in places])

        return _recalled(self.store, [digest(image.pixels) for image in images], made)


@dataclass(frozen=True)
class RememberedMatting:
    """As ``RememberedSegmenter``; by the pixels and the matte that is refined."""

    matting: Matting
    store: MatteStore

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        def made(places: Sequence[int]) -> list[Matte]:
            asked = [images[place] for place in places], [mattes[place] for place in places]
            return self.matting.refine(*asked)

        pairs = zip(images, mattes, strict=True)
        return _recalled(self.store, [digest(i.pixels, m.alpha) for i, m in pairs], made)


def remembered(cutting: Cutting, cache: Path, segmenting: str, refining: str) -> Cutting:
    """The same parts, remembering below ``cache``.

    ``segmenting`` is the fingerprint of the segmenter alone, so that systems which share it share
    its mattes; ``refining`` that of all cutting parts.
    """
    own = MatteStore(cache / f"segment-{segmenting[:16]}")
    kept = replace(cutting, segmenter=RememberedSegmenter(cutting.segmenter, own))
    if cutting.matting is None:
        return kept
    refined = MatteStore(cache / f"matting-{refining[:16]}")
    return replace(kept, matting=RememberedMatting(cutting.matting, refined))


def digest(*arrays: npt.NDArray[np.generic]) -> str:
    """sha256 of shapes, types and contents."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape} {array.dtype.str} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _recalled(
    store: MatteStore, keys: Sequence[str], make: Callable[[Sequence[int]], list[Matte]]
) -> list[Matte]:
    """Aligned with the keys: what is kept, and the rest made, by place, and kept."""
    mattes = dict(zip(keys, store.get(keys), strict=True))
    missing = {key: at for at, key in enumerate(keys) if mattes[key] is None}
    if missing:
        fresh = dict(zip(missing, make(list(missing.values())), strict=True))
        store.put(fresh)
        mattes.update((key, rounded(matte)) for key, matte in fresh.items())
    return [matte for key in keys if (matte := mattes[key]) is not None]

"""Stand-ins for the two networks: instant, so that what is left is everything else."""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Cutout, FloatArray, Matte, RGBImage


class ReadyMattes:
    """A segmenter that answers every image with a matte made beforehand."""

    def __init__(self, matte: Matte) -> None:
        self._matte = matte

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [self._matte for _ in images]


class ReadyVectors:
    """An embedder that hands out rows made beforehand; set ``row`` before every query."""

    normalised = True

    def __init__(self, vectors: FloatArray) -> None:
        self._vectors = vectors
        self.row = 0

    @property
    def dimension(self) -> int:
        return int(self._vectors.shape[1])

    def embed(self, cutouts: Sequence[Cutout]) -> FloatArray:
        """(N, dimension): the current row for every cutout."""
        return self._vectors[[self.row] * len(cutouts)]

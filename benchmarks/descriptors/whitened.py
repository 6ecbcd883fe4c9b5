"""A descriptor's vectors as they are, and whitened by the training images."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.distances import unit_rows
from engine.types import FloatArray
from offline.adapt.scatter import scatter_of_groups
from offline.adapt.whitening import Whitening, fit_learned, fit_pca
from offline.train.whitening.pairs import groups_of


@dataclass(frozen=True)
class Way:
    """``dimension`` None: all that the training vectors span."""

    name: str
    method: str = ""
    dimension: int | None = None
    shrinkage: float = 0.1


@dataclass(frozen=True, eq=False)
class Learned:
    """Vectors (N, D) of training images and the product of each."""

    rows: FloatArray
    products: tuple[str | None, ...]


def whitenings(learned: Learned, ways: list[Way]) -> Iterator[tuple[Way, Applied | None]]:
    """Those that can be fitted; the first is none at all. Fewer axes are the first ones of the
    same fit."""
    yield Way("none"), None
    fits: dict[tuple[str, float], Whitening] = {}
    for way in ways:
        kind = (way.method, way.shrinkage)
        if kind not in fits:
            fits[kind] = _fit(learned, way)
        rank = fits[kind].projection.shape[1]
        if way.dimension is None or way.dimension < rank:
            yield way, _applied(fits[kind], way)


def _fit(learned: Learned, way: Way) -> Whitening:
    if way.method == "pca":
        return fit_pca(learned.rows, None, way.shrinkage)
    scatter = scatter_of_groups(learned.rows, groups_of(learned.products))
    return fit_learned(learned.rows, scatter, None, way.shrinkage)


@dataclass(frozen=True, eq=False)
class Applied:
    """What ``stages.whiten.fitted`` does to a row, to all rows at once."""

    mean: FloatArray
    projection: FloatArray

    def project(self, rows: FloatArray) -> FloatArray:
        return unit_rows((rows - self.mean) @ self.projection)


def _applied(fit: Whitening, way: Way) -> Applied:
    projection = np.ascontiguousarray(fit.projection[:, : way.dimension], np.float32)
    return Applied(fit.mean.astype(np.float32), projection)

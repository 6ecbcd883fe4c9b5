"""Projections that may be fitted to vectors, in their axes of most variance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.types import BoolArray, Float64Array, FloatArray
from offline.adapt.folds import FOLDS
from offline.adapt.judging import Vectors
from offline.adapt.scatter import scatter_of_groups
from offline.adapt.spaces import Space
from offline.adapt.whitening import RANK_TOLERANCE, fit_learned, fit_pca

# The axes of most variance that projections are fitted in: the rest is noise, and the time that
# a fit takes grows with their cube.
AXES = 384
DIMENSIONS = (64, 128, 256)
SHRINKAGES = (0.05, 0.2, 0.5, 0.9)


@dataclass(frozen=True)
class Candidate:
    """A projection that may be fitted: ``shrinkage`` of what varies within products towards the
    same in every direction; None: PCA alone."""

    dimension: int
    shrinkage: float | None

    @property
    def words(self) -> str:
        kind = "PCA" if self.shrinkage is None else f"whitening, shrinkage {self.shrinkage:g}"
        return f"{kind}, {self.dimension} dimensions"

    @property
    def settings(self) -> dict[str, float]:
        own = {} if self.shrinkage is None else {"shrinkage": self.shrinkage}
        return {"dimension": self.dimension, **own}


@dataclass(frozen=True, eq=False)
class Projections:
    """Of vectors as ``space`` compares them; ``known``: those whose products may be learned from,
    ``everything``: with photos of whatever products."""

    space: Space
    known: Vectors
    everything: Vectors

    def candidates(self) -> list[Candidate]:
        # What a fold leaves spans less than all.
        span = int(self._axes.shape[1] * (FOLDS - 1) / FOLDS)
        dimensions = [one for one in DIMENSIONS if one <= span] or [max(1, span)]
        return [
            Candidate(dimension, shrinkage)
            for dimension in dimensions
            for shrinkage in (*SHRINKAGES, None)
        ]

    def fitted(self, kept: BoolArray, candidates: Sequence[Candidate]) -> Iterator[Space]:
        """One a candidate, fitted to the kept of ``known``. ConfigError where no product has
        several images among them."""
        rows, products = self._rows[kept], self.known.products[kept]
        scatter = scatter_of_groups(rows, products)
        whole: dict[float | None, Float64Array] = {None: np.eye(rows.shape[1])}
        for candidate in candidates:
            if candidate.shrinkage is not None and candidate.shrinkage not in whole:
                fitted = fit_learned(rows, scatter, None, candidate.shrinkage)
                whole[candidate.shrinkage] = fitted.projection
            inner = whole[candidate.shrinkage][:, : candidate.dimension]
            projection = np.ascontiguousarray(self._axes @ inner, np.float32)
            yield replace(self.space, projection=projection)

    def one(self, kept: BoolArray, candidate: Candidate) -> Space:
        """Errors as of ``fitted``."""
        return next(self.fitted(kept, [candidate]))

    @cached_property
    def _rows(self) -> FloatArray:
        """(known, A)."""
        return np.asarray(self.space.compared(self.known).rows @ self._axes, np.float32)

    @cached_property
    def _axes(self) -> Float64Array:
        """(D, A) of most variance: no label takes part."""
        rows = self.space.compared(self.everything).rows
        if len(rows) < rows.shape[1]:
            return axes_of_few(rows)
        fitted = fit_pca(rows).projection[:, :AXES]
        return np.asarray(fitted / np.linalg.norm(fitted, axis=0))


def axes_of_few(rows: FloatArray) -> Float64Array:
    """As those of ``fit_pca``, by the inner products of fewer rows than dimensions."""
    centred = np.asarray(rows - rows.mean(axis=0), np.float64)
    spread, axes = np.linalg.eigh(centred @ centred.T)
    kept = np.flatnonzero(spread > RANK_TOLERANCE * spread[-1])[::-1][:AXES]
    found = centred.T @ (axes[:, kept] / np.sqrt(spread[kept]))
    return np.asarray(found * np.sign(found[np.abs(found).argmax(axis=0), np.arange(len(kept))]))

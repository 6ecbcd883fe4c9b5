"""Rankings: every query's gallery, nearest first, ties by position in the gallery."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from engine.distances import Metric
from engine.errors import ConfigError
from engine.types import BoolArray, FloatArray, IntArray
from offline.evaluate.distances import distance_blocks

NOBODY = -1  # a query that is no gallery picture; a place in a head that nobody takes


@dataclass(frozen=True, eq=False)
class Ranking:
    """Not the order itself, which may not fit into memory: what it follows from.

    ``head`` (Q, n): gallery positions that stand first, in this order, where a rerank changed
    it; they are the n nearest, so that what follows is as the distances say. ``present`` (G,):
    gallery pictures that can be retrieved at all.
    """

    queries: FloatArray  # (Q, D)
    gallery: FloatArray  # (G, D)
    metric: Metric
    present: BoolArray  # (G,)
    head: IntArray = field(default_factory=lambda: np.empty((0, 0), np.int64))

    def blocks(self) -> Iterator[tuple[int, FloatArray]]:
        """(first query, (B, G) float32 distances); infinite for absent pictures."""
        for start, block in distance_blocks(self.queries, self.gallery, self.metric):
            block[:, ~self.present] = np.inf
            yield start, block

    def reordered(self, head: IntArray) -> Ranking:
        return replace(self, head=head)


def rank(
    queries: FloatArray,
    gallery: FloatArray,
    metric: Metric = "euclidean",
    present: BoolArray | None = None,
) -> Ranking:
    """Rank a gallery (G, D) for queries (Q, D).

    Raises ConfigError for rows of different lengths and for numbers that are not finite.
    """
    if queries.ndim != 2 or gallery.ndim != 2 or queries.shape[1] != gallery.shape[1]:
        raise ConfigError(
            f"features of the queries {queries.shape} and the gallery {gallery.shape} "
            "cannot be compared.",
            remedy="Describe both with the same settings.",
        )
    for side, rows in (("queries", queries), ("gallery", gallery)):
        refuse_not_finite(rows, side)
    there = np.ones(len(gallery), np.bool_) if present is None else present
    return Ranking(queries, gallery, metric, there)


def refuse_not_finite(rows: FloatArray, what: str) -> None:
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ConfigError(
            f"{what}: the features of row {bad[0]} are not finite ({len(bad)} such rows).",
            remedy="The model is damaged or overflows: packsight weights verify",
        )


def nearest(ranking: Ranking, k: int, own: IntArray | None = None) -> tuple[IntArray, FloatArray]:
    """The first k of every query as (positions (Q, k), distances (Q, k)), ties by position.

    ``own`` (Q,): a gallery position that the query itself takes and that is passed over, NOBODY
    for none. Where fewer than k are left, NOBODY at an infinite distance fills up.
    """
    positions = np.full((len(ranking.queries), k), NOBODY, np.int64)
    away = np.full((len(ranking.queries), k), np.inf, np.float32)
    for start, block in ranking.blocks():
        for row, line in enumerate(block, start=start):
            if own is not None and own[row] != NOBODY:
                line[own[row]] = np.inf
            found = first(line, k)
            positions[row, : len(found)] = found
            away[row, : len(found)] = line[found]
    return positions, away


def first(line: FloatArray, k: int) -> IntArray:
    """Positions of the k smallest of (G,), smallest first, ties by position; infinite ones are
    left out."""
    k = min(k, len(line))
    if k < 1:
        return np.empty(0, np.int64)
    edge = np.partition(line, k - 1)[k - 1]
    near = np.flatnonzero((line <= edge) & np.isfinite(line))
    order: IntArray = near[np.argsort(line[near], kind="stable")[:k]]
    return order

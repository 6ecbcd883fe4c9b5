"""Hard pictures of the current gallery: nearest of other products, furthest of the same.

Radenović, Tolias and Chum, PAMI 2019: the negatives of a query are its nearest
pictures in the gallery as the network sees it now, at most one of each other product; a positive
is drawn hard, but within bounds, for what lies too far is rather an error of labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import BoolArray, FloatArray, IntArray

AT_ONCE = 512  # queries compared with the gallery in one product of matrices


@dataclass(frozen=True)
class HardTuple:
    """Positions in the gallery."""

    query: int
    positive: int
    negatives: tuple[int, ...]  # nearest first, each of another product

    @property
    def pictures(self) -> tuple[int, ...]:
        return (self.query, self.positive, *self.negatives)


def hard_tuples(
    vectors: FloatArray,
    labels: IntArray,
    queries: IntArray,
    negatives: int,
    furthest: float = np.inf,
    doubts: Sequence[IntArray] | None = None,
) -> list[HardTuple]:
    """A tuple for every query, in their order, where its product has another picture.

    ``vectors`` (N, D), rows of length 1. The positive is the furthest of the same product within
    the distance ``furthest``, the nearest one where none is; ties go to the first. A single
    picture is its own positive: only augmentation tells the two apart. ``doubts``: for every
    picture those that may match it and are no negatives of it. Fewer negatives where there are
    not so many products.
    """
    found = []
    for start in range(0, len(queries), AT_ONCE):
        chunk = queries[start : start + AT_ONCE]
        cosines = vectors[chunk] @ vectors.T
        for query, row in zip(chunk.tolist(), cosines, strict=True):
            positive = _positive(query, row, labels, furthest)
            excluded = labels == labels[query]
            if doubts is not None:
                excluded[doubts[query]] = True
            found.append(HardTuple(query, positive, _negatives(row, labels, excluded, negatives)))
    return found


def _positive(query: int, cosines: FloatArray, labels: IntArray, furthest: float) -> int:
    same = np.flatnonzero(labels == labels[query])
    same = same[same != query]
    if not len(same):
        return query
    distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines[same]))
    within = distances <= furthest
    if not within.any():
        return int(same[np.argmin(distances)])
    return int(same[np.argmax(np.where(within, distances, -1.0))])


def _negatives(
    cosines: FloatArray, labels: IntArray, excluded: BoolArray, count: int
) -> tuple[int, ...]:
    """The nearest picture of each of the ``count`` nearest products."""
    chosen: list[int] = []
    taken: set[int] = set()
    for at in np.argsort(np.where(excluded, np.inf, -cosines), kind="stable").tolist():
        if len(chosen) == count or excluded[at]:
            break
        if int(labels[at]) not in taken:
            taken.add(int(labels[at]))
            chosen.append(at)
    return tuple(chosen)

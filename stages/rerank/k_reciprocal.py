"""Rerank the first hits by k-reciprocal encoding: by the neighbours they share with the query.

Zhong, Zheng, Cao, Li, "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR
2017. Where paper and the authors' code differ in what they normalise, the code is followed: the
tables of the paper come from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import Field

from engine.distances import distances
from engine.types import BoolArray, Description, Float64Array, FloatArray, Hit, IntArray
from stages.context import BuildContext
from stages.options import StageOptions
from stages.rerank._reasons import explained, moved

# The paper's, section 4.2; the fraction of equation 5.
K1, K2, LAMBDA = 20, 6, 0.3
FRACTION_NUMERATOR, FRACTION_DENOMINATOR = 2, 3


class Options(StageOptions):
    """``k1``, ``k2`` and ``weight`` (the weight of the original distance, the paper's lambda) as in
    the paper. Neighbourhoods are formed among the query and the ``top_n`` candidates alone: the
    paper's method where ``top_n`` covers all candidates, else an approximation."""

    top_n: int = Field(100, ge=0)
    k1: int = Field(K1, ge=1)
    k2: int = Field(K2, ge=1)
    weight: float = Field(LAMBDA, ge=0, le=1)


class KReciprocal:
    """Orders hits by the k-reciprocal distance of their vectors; ties keep the order of retrieval.

    Distances are Euclidean, whatever the search's metric, and from the photo's own vector, also
    where the search expanded it. Contours are not compared: a mask that is not trusted keeps no hit
    in its place. ``score`` and ``distance`` stay those of the retrieval.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    @property
    def top_n(self) -> int:
        return self._options.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        head, tail = list(hits[: self.top_n]), list(hits[self.top_n :])
        values = self._values(query, head).tolist()
        places = sorted(range(len(head)), key=lambda place: values[place])
        answer = [
            explained(
                head[before],
                f"k-reciprocal distance {values[before]:.3f}, {moved(before + 1, after)}",
                iou=None,
            )
            for after, before in enumerate(places, start=1)
        ]
        return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]

    def _values(self, query: Description, hits: Sequence[Hit]) -> Float64Array:
        vectors = [hit.record.description.embedding.vector for hit in hits]
        rows = np.stack(vectors) if hits else np.empty((0, query.embedding.dimension), np.float32)
        ids = np.array([hit.record.id for hit in hits], np.int64)
        return candidate_distances(query.embedding.vector, rows, ids, self._options)


def build(options: Options, context: BuildContext) -> KReciprocal:
    return KReciprocal(options)


def candidate_distances(
    query: FloatArray, candidates: FloatArray, ids: IntArray, options: Options
) -> Float64Array:
    """(D,) query and (n, D) candidates -> (n,) k-reciprocal distances.

    As neighbours of each other, equally distant candidates rank by their ids (n,), so that the
    order in which they come in changes nothing.
    """
    if not len(candidates):
        return np.empty(0)
    by_id = np.argsort(ids, kind="stable")
    rows = np.concatenate([query[None], candidates[by_id]])
    (values,) = k_reciprocal_distances(
        distances(rows, rows, "euclidean"), 1, options.k1, options.k2, options.weight
    )
    found = np.empty(len(values))
    found[by_id] = values
    return found


def k_reciprocal_distances(
    distances: npt.ArrayLike,
    queries: int,
    k1: int = K1,
    k2: int = K2,
    weight: float = LAMBDA,
) -> Float64Array:
    """(N, N) Euclidean distances, the first ``queries`` rows being queries -> (queries, N -
    queries): (1 - weight) * Jaccard distance + weight * original distance (equation 12).

    The original distance is squared and divided by its row's largest. ``k1``: how many nearest
    make a neighbourhood; ``k2``: over how many of the nearest its encoding is averaged (1: none).
    Equal distances rank by position. Needs a few N x N arrays; raises ValueError for an array
    that is not square, or k1, k2 or weight out of range.
    """
    square = np.asarray(distances, np.float64)
    _check(square, queries, k1, k2, weight)
    scaled = _scaled(square)
    order = _ranked(scaled)
    encoded = _encoded(scaled, order, k1)
    if k2 > 1:
        encoded = encoded[order[:, :k2]].mean(axis=1)  # local query expansion, equation 11
    jaccard = _jaccard(encoded[:queries], encoded[queries:])
    return (1 - weight) * jaccard + weight * scaled[:queries, queries:]


def _check(square: Float64Array, queries: int, k1: int, k2: int, weight: float) -> None:
    if square.ndim != 2 or square.shape[0] != square.shape[1]:
        raise ValueError(f"distances must be square, not {square.shape}")
    if not 0 <= queries <= len(square):
        raise ValueError(f"queries = {queries}: there are {len(square)} rows")
    if k1 < 1 or k2 < 1 or not 0 <= weight <= 1:
        raise ValueError(f"k1 = {k1}, k2 = {k2}, weight = {weight}: out of range")


def _scaled(distances: Float64Array) -> Float64Array:
    squared = distances * distances
    largest = squared.max(axis=1, keepdims=True, initial=0.0)
    return np.asarray(np.divide(squared, largest, out=np.zeros_like(squared), where=largest > 0))


def _ranked(distances: Float64Array) -> IntArray:
    """(N, N) positions, nearest first; every item is its own nearest."""
    own_first = distances.copy()
    np.fill_diagonal(own_first, -1.0)
    return np.argsort(own_first, axis=1, kind="stable")


def _encoded(distances: Float64Array, order: IntArray, k1: int) -> Float64Array:
    """(N, N), rows of sum 1: exp(-distance) over the robust neighbourhood R* (equations 5, 7)."""
    near = _reciprocal(order, k1)
    nearer = _reciprocal(order, round(k1 / 2))
    shared = near.astype(np.float32) @ nearer.astype(np.float32).T  # (N, N), counts
    sizes = nearer.sum(axis=1)
    joins = near & (shared * FRACTION_DENOMINATOR >= sizes * FRACTION_NUMERATOR)
    robust = near | (joins.astype(np.float32) @ nearer.astype(np.float32) > 0)
    weights = np.where(robust, np.exp(-distances), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _reciprocal(order: IntArray, k: int) -> BoolArray:
    """(N, N): both are among the k nearest of each other (equation 1), themselves included."""
    among = np.zeros(order.shape, np.bool_)
    np.put_along_axis(among, order[:, : k + 1], values=True, axis=1)
    return among & among.T


def _jaccard(queries: Float64Array, gallery: Float64Array) -> Float64Array:
    """(Q, G): 1 - sum of minima / sum of maxima (equation 10); rows have the sum 1."""
    jaccard = np.empty((len(queries), len(gallery)))
    for row, query in enumerate(queries):
        nonzero = np.flatnonzero(query)  # the minima elsewhere are 0
        shared = np.minimum(gallery[:, nonzero], query[nonzero]).sum(axis=1)
        jaccard[row] = 1 - shared / (2 - shared)
    return jaccard

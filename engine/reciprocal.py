"""k-reciprocal encoding: neighbours count as much as they share neighbours with the query.

Zhong, Zheng, Cao, Li, "Re-ranking Person Re-identification with k-reciprocal Encoding", CVPR
2017. Where paper and the authors' code differ in what they normalise, the code is followed: the
tables of the paper come from it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, Float64Array

# The paper's, section 4.2; the share of equation 5.
K1, K2, LAMBDA = 20, 6, 0.3
SHARE_NUMERATOR, SHARE_DENOMINATOR = 2, 3


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


def _ranked(distances: Float64Array) -> npt.NDArray[np.int64]:
    """(N, N) positions, nearest first; everybody is the nearest of their own."""
    own_first = distances.copy()
    np.fill_diagonal(own_first, -1.0)
    return np.argsort(own_first, axis=1, kind="stable")


def _encoded(distances: Float64Array, order: npt.NDArray[np.int64], k1: int) -> Float64Array:
    """(N, N), rows of sum 1: exp(-distance) over the robust neighbourhood R* (equations 5, 7)."""
    near = _reciprocal(order, k1)
    nearer = _reciprocal(order, round(k1 / 2))
    shared = near.astype(np.float32) @ nearer.astype(np.float32).T  # (N, N), counts
    sizes = nearer.sum(axis=1)
    joins = near & (shared * SHARE_DENOMINATOR >= sizes * SHARE_NUMERATOR)
    robust = near | (joins.astype(np.float32) @ nearer.astype(np.float32) > 0)
    weights = np.where(robust, np.exp(-distances), 0.0)
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


def _reciprocal(order: npt.NDArray[np.int64], k: int) -> BoolArray:
    """(N, N): both are among the k nearest of each other (equation 1), themselves included."""
    among = np.zeros(order.shape, np.bool_)
    np.put_along_axis(among, order[:, : k + 1], values=True, axis=1)
    return among & among.T


def _jaccard(queries: Float64Array, gallery: Float64Array) -> Float64Array:
    """(Q, G): 1 - sum of minima / sum of maxima (equation 10); rows have the sum 1."""
    found = np.empty((len(queries), len(gallery)))
    for row, query in enumerate(queries):
        held = np.flatnonzero(query)  # the minima elsewhere are 0
        shared = np.minimum(gallery[:, held], query[held]).sum(axis=1)
        found[row] = 1 - shared / (2 - shared)
    return found

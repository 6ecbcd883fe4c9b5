"""Query expansion: a query moved towards its own nearest neighbours, to search again from there.

Alpha query expansion: Radenović, Tolias, Chum, "Fine-tuning CNN Image Retrieval with No Human
Annotation", PAMI 2019, section 3.4. With alpha = 0 it is the average query expansion of Chum,
Philbin, Sivic, Isard, Zisserman, "Total Recall", ICCV 2007.
"""

from __future__ import annotations

import numpy as np

from engine.distances import Distances, Metric, distances
from engine.types import FloatArray
from engine.vectors import unit_rows


def expanded(
    queries: FloatArray, neighbours: FloatArray, alpha: float, *, normalised: bool
) -> FloatArray:
    """(Q, D) and the nearest of each, (Q, n, D) -> (Q, D).

    q + sum of max(0, s_i) ** alpha * g_i, s_i the cosine of q and g_i, brought to length 1 if
    the vectors are ``normalised``, else divided by 1 + the sum of the weights, so that it stays
    among the vectors that it is made of. Raises ValueError for a negative or infinite alpha.
    """
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha = {alpha}: must be finite and at least 0")
    asked, near = queries.astype(np.float64), neighbours.astype(np.float64)
    weights = np.maximum(_cosines(asked, near), 0.0) ** alpha  # (Q, n); 0 ** 0 is 1
    total = asked + np.einsum("qn,qnd->qd", weights, near)
    mean = (total / (1 + weights.sum(axis=1, keepdims=True))).astype(np.float32)
    return unit_rows(mean) if normalised else mean


def expanded_within(
    queries: FloatArray,
    gallery: FloatArray,
    n: int,
    alpha: float,
    *,
    normalised: bool,
    metric: Metric = "euclidean",
) -> FloatArray:
    """(Q, D) queries, each expanded by its ``n`` nearest of (G, D), ties by position.

    For whole protocols held in memory; ``n`` = 0 changes nothing, more than G takes all.
    """
    if n < 1:
        return queries
    order = np.argsort(distances(queries, gallery, metric), axis=1, kind="stable")[:, :n]
    return expanded(queries, gallery[order], alpha, normalised=normalised)


def _cosines(queries: Distances, near: Distances) -> Distances:
    """(Q, n); 0 where a vector is all zeros."""
    lengths = np.linalg.norm(queries, axis=1)[:, None] * np.linalg.norm(near, axis=2)
    products = np.einsum("qd,qnd->qn", queries, near)
    cosines = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 0)
    return np.asarray(cosines, np.float64)

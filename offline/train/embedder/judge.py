"""How well an embedding finds: mean average precision and R@1 of one picture among the others."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.types import FloatArray, IntArray
from offline.metrics.retrieval import Found, average_precision, instance_recall_at


@dataclass(frozen=True)
class Retrieval:
    """Means over the queries that something in the gallery answers."""

    mean_average_precision: float
    recall_at_1: float
    queries: int


def retrieval(
    queries: FloatArray,
    query_labels: IntArray,
    gallery: FloatArray,
    gallery_labels: IntArray,
    own: IntArray | None = None,
) -> Retrieval:
    """Rank the gallery (M, D) by inner product for every query (N, D); ties go to the first.

    ``own``: the position of every query's own picture in the gallery, which is taken out of its
    ranking; None: no query is in it. Raises ValueError where no query has an answer.
    """
    precisions, recalls = [], []
    for at, (vector, label) in enumerate(zip(queries, query_labels.tolist(), strict=True)):
        order = np.argsort(-(gallery @ vector), kind="stable")
        if own is not None:
            order = order[order != own[at]]
        found = Found.of(gallery_labels[order] == label)
        if found.total:
            precisions.append(average_precision(found))
            recalls.append(instance_recall_at(found, 1))
    if not precisions:
        raise ValueError("no query has an answer in the gallery")
    return Retrieval(float(np.mean(precisions)), float(np.mean(recalls)), len(precisions))


def leave_one_out(vectors: FloatArray, labels: IntArray) -> Retrieval:
    """Every picture (N, D) as a query among the others, as Stanford Online Products is judged
    (Oh Song et al., CVPR 2016)."""
    return retrieval(vectors, labels, vectors, labels, np.arange(len(labels)))

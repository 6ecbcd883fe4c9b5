"""A query's ranking, as retrieved and as reranked, and where the right answers stand in it."""

from __future__ import annotations

import numpy as np

from engine.types import BoolArray, IntArray
from offline.evaluate.evidence import Evidence
from offline.metrics.retrieval import Found


def reranked(evidence: Evidence, query: int, order: IntArray) -> IntArray:
    """The order of retrieval with its first images as the evidence's rerank leaves them."""
    reranker = evidence.parts.reranker
    if reranker.top_n == 0:
        return order
    hits = reranker.rerank(evidence.queries[query], evidence.candidates(query, reranker.top_n))
    head = np.array([hit.record.id for hit in hits], np.int64)
    return np.concatenate([head, order[len(head) :]])


def found(order: IntArray, relevant: BoolArray, total: int) -> Found:
    """The ranks of the relevant pictures in a ranking; ``total``: how many there are at all. What
    is not in ``order`` is never found: its category was not searched."""
    return Found((np.flatnonzero(relevant[order]) + 1).astype(np.int64), total)

"""Every query's ranking, as retrieved and as reranked, and where the right answers stand in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.protocols import Reranker
from offline.datasets.types import Relevance
from offline.evaluate.evidence import Evidence
from offline.evaluate.ranking import Positions
from offline.retrieval_metrics import Found


@dataclass(frozen=True, eq=False)
class Ranked:
    """Of one query: gallery positions in the order of retrieval, and its first ones as the
    rerank left them. What is not in ``order`` is never found: its category was not searched."""

    order: Positions
    head: Positions

    @property
    def reranked(self) -> Positions:
        return np.concatenate([self.head, self.order[len(self.head) :]])


def ranked(
    evidence: Evidence, reranker: Reranker | None = None, *, route: bool = True
) -> list[Ranked]:
    """One a query. ``reranker``: in place of the evidence's own."""
    using = reranker or evidence.parts.reranker
    return [_ranked(evidence, query, using, route) for query in range(len(evidence.queries))]


def _ranked(evidence: Evidence, query: int, reranker: Reranker, route: bool) -> Ranked:
    order, _ = evidence.order(query, route=route)
    if reranker.top_n == 0:
        return Ranked(order, order[:0])
    hits = reranker.rerank(
        evidence.queries[query], evidence.candidates(query, reranker.top_n, route=route)
    )
    return Ranked(order, np.array([hit.record.id for hit in hits], np.int64))


def found(order: Positions, answer: Relevance, total: int) -> Found:
    """The ranks of the relevant pictures in a ranking; ``total``: how many there are at all."""
    ranks = np.flatnonzero(np.isin(order, np.array(answer.relevant, np.int64))) + 1
    return Found(ranks.astype(np.int64), total)


def first_ranks(answers: Sequence[Found]) -> list[int | None]:
    """Of the best-placed relevant picture; None where none is found."""
    return [int(one.ranks[0]) if len(one.ranks) else None for one in answers]

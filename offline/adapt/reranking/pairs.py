"""Queries with their first candidates, each pair a row of features and whether it is relevant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from engine.types import BoolArray, Float64Array, IntArray
from stages.rerank._pair_features import NAMES

NO_CANDIDATE = -1  # fills up the places of a list that is shorter than the longest


@dataclass(frozen=True)
class PairedQuery:
    """One query. ``group``: what it must not share with what is learned from: its family, else
    its product, else itself. ``product``: queries of one are not independent. ``flagged``: whether
    its mask raises a flag; ``trust``: see ``Description``. ``total``: how many relevant images
    there are. ``beyond_precision`` and ``beyond_rank`` account for those behind the candidates,
    which no reranking moves: the sum of their precisions and the reciprocal rank of the first."""

    image: str
    pool: str
    group: str
    product: str
    look: str
    flagged: bool
    trust: float | None
    total: int
    beyond_precision: float
    beyond_rank: float


@dataclass(frozen=True, eq=False)
class Pairs:
    """Rows of one query stand together, in the order of retrieval.

    ``list_of`` (P,) is each row's query, ascending; ``groups`` (P,) the candidates' groups, as
    numbers into ``names``.
    """

    rows: Float64Array  # (P, F), columns as in ``features``, of which NAMES are the first
    right: BoolArray  # (P,)
    list_of: IntArray
    groups: IntArray
    names: tuple[str, ...]
    queries: tuple[PairedQuery, ...]
    features: tuple[str, ...] = NAMES

    @cached_property
    def places(self) -> IntArray:
        """(Q, N) rows of every query, NO_CANDIDATE behind the last."""
        counts = np.bincount(self.list_of, minlength=len(self.queries))
        starts = np.cumsum(counts) - counts
        places = starts[:, None] + np.arange(max(1, counts.max(initial=1)))
        return np.where(places < (starts + counts)[:, None], places, NO_CANDIDATE)

    @cached_property
    def decidable(self) -> BoolArray:
        """(Q,) whether a query has relevant and irrelevant candidates, so that an order counts."""
        counts = np.bincount(self.list_of, minlength=len(self.queries))
        rights = np.bincount(self.list_of[self.right], minlength=len(self.queries))
        return np.asarray((rights > 0) & (rights < counts))

    def of(self, lists: BoolArray) -> Pairs:
        """Some of the queries (Q,)."""
        kept = lists[self.list_of]
        number = np.cumsum(lists) - 1
        return replace(
            self,
            rows=self.rows[kept],
            right=self.right[kept],
            groups=self.groups[kept],
            list_of=number[self.list_of[kept]],
            queries=tuple(one for one, wanted in zip(self.queries, lists, strict=True) if wanted),
        )


def paired(
    query: PairedQuery,
    rows: Float64Array,
    right: BoolArray,
    groups: Sequence[str],
    features: tuple[str, ...] = NAMES,
) -> Pairs:
    """Of one query and its first hits, of which ``right`` (N,) are relevant."""
    names, numbers = np.unique(np.array(groups, np.str_), return_inverse=True)
    return Pairs(
        rows,
        right,
        np.zeros(len(rows), np.int64),
        numbers.astype(np.int64),
        tuple(names.tolist()),
        (query,),
        features,
    )


def pooled(parts: Sequence[Pairs]) -> Pairs:
    """All queries of all parts, in order."""
    features = parts[0].features if parts else NAMES
    names = tuple(sorted({name for part in parts for name in part.names}))
    number = {name: at for at, name in enumerate(names)}
    first = np.cumsum([0, *(len(part.queries) for part in parts)])
    lists = [part.list_of + start for part, start in zip(parts, first[:-1], strict=True)]
    groups = [
        np.array([number[name] for name in part.names], np.int64)[part.groups] for part in parts
    ]
    return Pairs(
        rows=np.concatenate([np.zeros((0, len(features))), *(part.rows for part in parts)]),
        right=np.concatenate([np.zeros(0, np.bool_), *(part.right for part in parts)]),
        list_of=np.concatenate([np.zeros(0, np.int64), *lists]),
        groups=np.concatenate([np.zeros(0, np.int64), *groups]),
        names=names,
        queries=tuple(one for part in parts for one in part.queries),
        features=features,
    )


def beyond(ranks: IntArray, head: int) -> tuple[float, float]:
    """(sum of precisions, reciprocal rank) of the relevant ones behind the first ``head``."""
    behind = ranks > head
    precisions = (np.arange(1, len(ranks) + 1) / ranks)[behind] if len(ranks) else ranks
    return float(precisions.sum()), float(1 / ranks[behind][0]) if behind.any() else 0.0

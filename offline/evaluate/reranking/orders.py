"""How well an order of the candidates answers: R@1, MRR and mAP of every query, before or after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.types import Float64Array, IntArray
from offline.evaluate.reranking.pairs import NOBODY, Pairs
from stages.rerank._pair_features import CONCEPTS, NAMES

# Rows (P, F) of features to a value each, higher first.
Valued = Callable[[Float64Array], Float64Array]


@dataclass(frozen=True, eq=False)
class Answers:
    """One number a query (Q,). ``first``: the rank of its first right candidate, 0 where none is
    among the candidates."""

    recall: Float64Array  # R@1: 1 where the first hit is right
    reciprocal: Float64Array  # 1 / rank of the first right picture
    precision: Float64Array  # average precision over the whole ranking
    first: IntArray

    def of(self, which: IntArray) -> Answers:
        """Some of the queries, by their places."""
        return Answers(
            self.recall[which], self.reciprocal[which], self.precision[which], self.first[which]
        )


def retrieved(pairs: Pairs) -> Answers:
    """As the retrieval orders them."""
    return ordered(pairs, -np.arange(len(pairs.rows), dtype=np.float64))


def ordered(pairs: Pairs, values: Float64Array) -> Answers:
    """By ``values`` (P,), highest first, ties in the order of retrieval."""
    places = pairs.places
    there = places != NOBODY
    ranked = np.where(there, values[places] if len(values) else 0.0, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")
    right = there & (pairs.right[places] if len(values) else False)
    right = np.take_along_axis(right, order, axis=1)
    found = right.any(axis=1)
    first = np.where(found, right.argmax(axis=1) + 1, 0)
    precisions = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    beyond = np.array([(one.beyond_precision, one.beyond_rank) for one in pairs.asked])
    beyond = beyond.reshape(len(pairs.asked), 2)
    totals = np.array([one.total for one in pairs.asked], np.float64)
    return Answers(
        recall=right[:, 0].astype(np.float64),
        reciprocal=np.where(found, 1 / np.maximum(first, 1), beyond[:, 1]),
        precision=((precisions * right).sum(axis=1) + beyond[:, 0]) / np.maximum(totals, 1),
        first=first,
    )


def without(
    pairs: Pairs, valued: Valued, concepts: tuple[str, ...], level: Float64Array
) -> Answers:
    """With the columns of these concepts held at ``level`` (F,) for every pair: what the order
    would be if they said nothing."""
    rows = pairs.rows.copy()
    columns = [NAMES.index(name) for concept in concepts for name in CONCEPTS[concept]]
    rows[:, columns] = level[columns]
    return ordered(pairs, valued(rows))

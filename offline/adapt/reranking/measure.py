"""How well an order of the candidates answers, before and after a learned reranker, and what each
of its features is worth: how far R@1 and MRR fall without it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import BoolArray, Float64Array, IntArray
from offline.adapt.reranking.pairs import NO_CANDIDATE, PairedQuery, Pairs
from stages.rerank._pair_features import CONCEPTS, NAMES, SHAPE

ALL_SHAPE = "all of shape"
# One row per concept, and one for all that only a contour can tell.
SETS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in CONCEPTS},
    ALL_SHAPE: SHAPE,
}
# What ``Scorer.weights`` are, in words.
WEIGHTS_MEAN = {
    "logistic": "what one standard deviation more adds to the log odds of the same product",
    "boosting": "the fraction of all splits of the trees that test the feature",
}
# Masks are trusted from here on, by the trust stage's own default: likelier correct than not.
TRUSTED = 0.5

# Rows (P, F) of features to a value each, higher first.
Valued = Callable[[Float64Array], Float64Array]


@dataclass(frozen=True, eq=False)
class Answers:
    """One value per query (Q,). ``first``: the rank of its first relevant candidate, 0 where none
    is among the candidates."""

    recall: Float64Array  # R@1: 1 where the first hit is relevant
    reciprocal: Float64Array  # 1 / rank of the first relevant image
    precision: Float64Array  # average precision over the whole ranking
    first: IntArray

    def of(self, which: IntArray) -> Answers:
        """Some of the queries, by their places."""
        return Answers(
            self.recall[which], self.reciprocal[which], self.precision[which], self.first[which]
        )


def retrieved(pairs: Pairs) -> Answers:
    """In the order of retrieval."""
    return ordered(pairs, -np.arange(len(pairs.rows), dtype=np.float64))


def ordered(pairs: Pairs, values: Float64Array) -> Answers:
    """By ``values`` (P,), highest first, ties in the order of retrieval."""
    places = pairs.places
    there = places != NO_CANDIDATE
    ranked = np.where(there, values[places] if len(values) else 0.0, -np.inf)
    order = np.argsort(-ranked, axis=1, kind="stable")
    right = there & (pairs.right[places] if len(values) else False)
    right = np.take_along_axis(right, order, axis=1)
    found = right.any(axis=1)
    first = np.where(found, right.argmax(axis=1) + 1, 0)
    precisions = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    beyond = np.array([(one.beyond_precision, one.beyond_rank) for one in pairs.queries])
    beyond = beyond.reshape(len(pairs.queries), 2)
    totals = np.array([one.total for one in pairs.queries], np.float64)
    return Answers(
        recall=right[:, 0].astype(np.float64),
        reciprocal=np.where(found, 1 / np.maximum(first, 1), beyond[:, 1]),
        precision=((precisions * right).sum(axis=1) + beyond[:, 0]) / np.maximum(totals, 1),
        first=first,
    )


def without(
    pairs: Pairs, valued: Valued, concepts: tuple[str, ...], level: Float64Array
) -> Answers:
    """With the columns of these concepts held at ``level`` (F,) for every pair: the order that
    the other features alone give."""
    rows = pairs.rows.copy()
    columns = [NAMES.index(name) for concept in concepts for name in CONCEPTS[concept]]
    rows[:, columns] = level[columns]
    return ordered(pairs, valued(rows))


@dataclass(frozen=True)
class Effect:
    """``recall`` and ``reciprocal``: by how much R@1 and MRR fall when the concept's columns are
    held at their mean; below 0 where they rise."""

    name: str
    recall: float
    reciprocal: float


def effects(
    pairs: Pairs, valued: Valued, level: Float64Array, lists: BoolArray | None = None
) -> list[Effect]:
    """In the order of SETS; ``level`` (F,): the means; ``lists`` (Q,): of these queries only."""
    which = np.flatnonzero(np.ones(len(pairs.queries), np.bool_) if lists is None else lists)
    whole = ordered(pairs, valued(pairs.rows)).of(which)
    return [
        _effect(name, whole, without(pairs, valued, concepts, level).of(which))
        for name, concepts in SETS.items()
    ]


def _effect(name: str, whole: Answers, less: Answers) -> Effect:
    if not len(whole.recall):
        return Effect(name, 0.0, 0.0)
    return Effect(
        name,
        float((whole.recall - less.recall).mean()),
        float((whole.reciprocal - less.reciprocal).mean()),
    )


@dataclass(frozen=True, eq=False)
class Kind:
    """``lists`` (Q,): which of the queries are of this kind."""

    name: str
    lists: BoolArray


def kinds(queries: Sequence[PairedQuery]) -> list[Kind]:
    """All; each look, where there are several; masks that raise no flag and those that do; masks
    that are trusted and those that are not, where trust was estimated."""
    looks = sorted({query.look for query in queries if query.look})
    judged = any(query.trust is not None for query in queries)
    found = [_kind("all", [True] * len(queries))]
    if len(looks) > 1:
        found += [
            _kind(f"look: {look}", [query.look == look for query in queries]) for look in looks
        ]
    flagged = [query.flagged for query in queries]
    found.append(_kind("mask without a flag", [not flag for flag in flagged]))
    found.append(_kind("mask with a flag", flagged))
    if judged:
        trusts = [-1.0 if query.trust is None else query.trust for query in queries]
        found.append(_kind("mask trusted", [trust >= TRUSTED for trust in trusts]))
        found.append(_kind("mask not trusted", [0 <= t < TRUSTED for t in trusts]))
    return found


def _kind(name: str, wanted: Sequence[bool]) -> Kind:
    return Kind(name, np.array(wanted, np.bool_))

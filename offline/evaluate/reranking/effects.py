"""What each feature of a learned reranker is worth: how much worse the answers are without it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.types import BoolArray, Float64Array
from offline.evaluate.reranking.orders import Answers, Valued, ordered, without
from offline.evaluate.reranking.pairs import Pairs
from stages.rerank._pair_features import CONCEPTS, SHAPE

ALL_SHAPE = "all of shape"
# One row a concept, and one for all that only a silhouette can answer.
SETS: dict[str, tuple[str, ...]] = {
    **{name: (name,) for name in CONCEPTS},
    ALL_SHAPE: SHAPE,
}
# What ``Scorer.weights`` are, in words.
WEIGHTS_MEAN = {
    "logistic": "what one standard deviation more adds to the log odds of the same product",
    "boosting": "the fraction of all splits of the trees that test the feature",
}


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
    which = np.flatnonzero(np.ones(len(pairs.asked), np.bool_) if lists is None else lists)
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

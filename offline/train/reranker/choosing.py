"""Which fit is taken, and how far it is trusted: only what did not hurt on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import Float64Array, IntArray
from offline.evaluate.reranking.orders import Answers, ordered, retrieved
from offline.evaluate.reranking.pairs import Asked, Pairs
from offline.metrics.statistics import Interval, bootstrap
from offline.train.reranker.folds import Folds, HeldOut

# How much of the value is learned, the rest the retrieval's score.
SHARES = (0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Trial:
    """A fit at a share, and how it answers queries that it did not see."""

    held_out: HeldOut
    share: float
    answers: Answers


@dataclass(frozen=True, eq=False)
class Choice:
    """``taken``: the trial that is used, None for the order of retrieval; ``best``: the best one
    whether it was taken or not, for its figures and its model."""

    taken: Trial | None
    best: Trial

    @property
    def share(self) -> float:
        return 0.0 if self.taken is None else self.taken.share

    @property
    def used(self) -> Trial:
        return self.taken or self.best


def trials(pairs: Pairs, held_out: Sequence[HeldOut]) -> list[Trial]:
    """Every fit at every share, in the order of caution."""
    return [
        Trial(one, share, ordered(pairs, one.values(share, pairs.rows)))
        for one in held_out
        for share in SHARES
    ]


def choose(pairs: Pairs, tried: Sequence[Trial], which: IntArray, seed: int) -> Choice:
    """By the queries ``which`` alone: the highest MRR among the trials that do not hurt there, the
    first of equals; no rerank where none is left."""
    before, asked = retrieved(pairs).of(which), [pairs.asked[at] for at in which.tolist()]
    best_first = sorted(tried, key=lambda trial: _figures(trial, which), reverse=True)
    for trial in best_first:  # sorted() is stable: of equals the first stays first
        after = trial.answers.of(which)
        if gain(before, after).sum() <= 0:
            break
        if not hurts(before, after, asked, seed):
            return Choice(trial, best_first[0])
    return Choice(None, best_first[0])


def hurts(before: Answers, after: Answers, asked: Sequence[Asked], seed: int) -> bool:
    """Whether R@1 or MRR is lower, over all queries or over those of one pool, or the paired
    95 % interval of the MRR's difference begins below 0. Aligned with ``asked``."""
    gained, recalled = gain(before, after), after.recall - before.recall
    names = np.array([one.pool for one in asked], np.str_)
    for name in np.unique(names):
        if gained[names == name].sum() < 0 or recalled[names == name].sum() < 0:
            return True
    return difference(gained, asked, seed).low < 0


def gain(before: Answers, after: Answers) -> Float64Array:
    """(Q,) by how much each reciprocal rank rose. Sums of thirds and fifths need not cancel to
    0 exactly: what is within rounding of 0 is 0."""
    found: Float64Array = np.round(after.reciprocal - before.reciprocal, 12)
    return found


def difference(values: Float64Array, asked: Sequence[Asked], seed: int) -> Interval:
    """The mean and its interval; queries of one product are drawn together."""
    clusters = [one.product for one in asked]
    return bootstrap(values.tolist(), seed=seed, clusters=clusters)


def cross_chosen(pairs: Pairs, tried: Sequence[Trial], folds: Folds, seed: int) -> Answers:
    """Every query judged by the trial that the other folds' queries chose.

    The choice itself is then held out too: what was chosen best of many looks better than it is
    on the queries that chose it (Cawley, Talbot: On Over-fitting in Model Selection, JMLR 2010).
    """
    before = retrieved(pairs)
    recall, reciprocal = before.recall.copy(), before.reciprocal.copy()
    precision, first = before.precision.copy(), before.first.copy()
    for fold in folds.numbers:
        here = np.flatnonzero(folds.of_lists == fold)
        choice = choose(pairs, tried, np.flatnonzero(folds.of_lists != fold), seed)
        if choice.taken is not None:
            found = choice.taken.answers
            recall[here], reciprocal[here] = found.recall[here], found.reciprocal[here]
            precision[here], first[here] = found.precision[here], found.first[here]
    return Answers(recall, reciprocal, precision, first)


def _figures(trial: Trial, which: IntArray) -> tuple[float, float]:
    found = trial.answers
    return round(float(found.reciprocal[which].mean()), 9), float(found.recall[which].mean())

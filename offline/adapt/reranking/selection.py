"""Cross-validation of rerankers, and the choice of one that did not hurt on validation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array, IntArray, Progress
from offline.adapt.logistic import grouped_folds
from offline.adapt.reranking.measure import Answers, Valued, ordered, retrieved
from offline.adapt.reranking.models import Hyperparameters, fit
from offline.adapt.reranking.pairs import PairedQuery, Pairs
from offline.metrics.statistics import Interval, bootstrap
from stages.rerank._artefact import ALL, Quality, Validation
from stages.rerank._scorer import Scorer

# Below this a paired interval of the gain is wider than any gain.
LEAST_QUERIES = 40
# The fractions of the value that may be learned, the rest being the retrieval's score.
SHARES = (0.25, 0.5, 0.75, 1.0)
NONE = -1


@dataclass(frozen=True, eq=False)
class Folds:
    """``of_lists`` (Q,) the fold that judges each query; ``of_groups`` the fold of each of the
    pairs' groups, NONE for those that no query belongs to."""

    of_lists: IntArray
    of_groups: IntArray

    @property
    def numbers(self) -> list[int]:
        found: list[int] = np.unique(self.of_lists).tolist()
        return found


def divide(pairs: Pairs, folds: int, seed: int) -> Folds:
    """Whole families (products where there are none) at a time, as even as can be.

    Raises ConfigError where fewer than LEAST_QUERIES queries have both relevant and irrelevant
    candidates, or where their groups are fewer than the folds.
    """
    decidable, groups = int(pairs.decidable.sum()), [query.group for query in pairs.queries]
    if decidable < LEAST_QUERIES or len(set(groups)) < folds:
        raise ConfigError(
            f"{decidable} of {len(pairs.queries)} queries have both relevant and irrelevant images "
            f"among their first candidates, of {len(set(groups))} products or families: at least "
            f"{LEAST_QUERIES} queries, of {folds} products or families, are needed to learn a "
            "reranker.",
            remedy="Give more queries, several protocols (--protocol A,B), or a larger --top-n.",
        )
    of_lists = grouped_folds(groups, folds, seed)
    fold_of = dict(zip(groups, of_lists.tolist(), strict=True))
    of_groups = np.array([fold_of.get(name, NONE) for name in pairs.names], np.int64)
    return Folds(of_lists, of_groups)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One choice of hyperparameters, fitted without each fold in turn."""

    chosen: Hyperparameters
    scorers: tuple[Scorer, ...]  # a fold each
    fold_of_row: IntArray  # (P,)

    def values(self, share: float, rows: Float64Array) -> Float64Array:
        """(P,) by the scorer that saw nothing of the row's query; ``rows`` as the pairs', or
        altered."""
        found = np.zeros(len(rows))
        for fold, scorer in enumerate(self.scorers):
            own = self.fold_of_row == fold
            found[own] = scorer.values(rows[own], share)
        return found

    def valued(self, share: float) -> Valued:
        return lambda rows: self.values(share, rows)


def hold_out(
    pairs: Pairs,
    tried: Sequence[Hyperparameters],
    folds: Folds,
    seed: int,
    progress: Progress | None = None,
) -> list[HeldOut]:
    """All hyperparameters, fitted to what the other folds hold: queries and candidates both."""
    row_fold, group_fold = folds.of_lists[pairs.list_of], folds.of_groups[pairs.groups]
    number = {fold: at for at, fold in enumerate(folds.numbers)}
    fold_of_row = np.array([number[fold] for fold in row_fold.tolist()], np.int64)
    found: list[HeldOut] = []
    for chosen in tried:
        scorers = []
        for fold in folds.numbers:
            seen = (row_fold != fold) & (group_fold != fold)
            _refuse_one_sided(pairs.right[seen])
            rows, right = pairs.rows[seen], pairs.right[seen]
            scorers.append(fit(chosen, rows, right, seed, pairs.features))
            if progress is not None:
                progress(len(found) * len(number) + len(scorers), len(tried) * len(number))
        found.append(HeldOut(chosen, tuple(scorers), fold_of_row))
    return found


@dataclass(frozen=True, eq=False)
class Trial:
    """A fit at a share, and how it ranks for queries that it did not see."""

    held_out: HeldOut
    share: float
    answers: Answers


@dataclass(frozen=True, eq=False)
class Choice:
    """``taken``: the trial that is used, None for the order of retrieval; ``best``: the best one
    whether it was taken or not, for its values and its model."""

    taken: Trial | None
    best: Trial

    @property
    def share(self) -> float:
        return 0.0 if self.taken is None else self.taken.share

    @property
    def used(self) -> Trial:
        return self.taken or self.best


def trials(pairs: Pairs, held_out: Sequence[HeldOut]) -> list[Trial]:
    """Every fit at every share, the most cautious first."""
    return [
        Trial(fitted, share, ordered(pairs, fitted.values(share, pairs.rows)))
        for fitted in held_out
        for share in SHARES
    ]


def choose(pairs: Pairs, tried: Sequence[Trial], which: IntArray, seed: int) -> Choice:
    """By the queries ``which`` alone: the highest MRR among the trials that do not hurt there, the
    first of equals; the order of retrieval where none is left."""
    before, queries = retrieved(pairs).of(which), [pairs.queries[at] for at in which.tolist()]

    def merit(trial: Trial) -> tuple[float, float]:
        reciprocal, recall = trial.answers.reciprocal[which], trial.answers.recall[which]
        return round(float(reciprocal.mean()), 9), float(recall.mean())

    best_first = sorted(tried, key=merit, reverse=True)
    for trial in best_first:  # sorted() is stable: of equals the first stays first
        after = trial.answers.of(which)
        if gain(before, after).sum() <= 0:
            break
        if not hurts(before, after, queries, seed):
            return Choice(trial, best_first[0])
    return Choice(None, best_first[0])


def hurts(before: Answers, after: Answers, queries: Sequence[PairedQuery], seed: int) -> bool:
    """Whether R@1 or MRR is lower, over all queries or over those of one pool, or the paired
    95 % interval of the MRR's difference begins below 0. Aligned with ``queries``."""
    gained, recalled = gain(before, after), after.recall - before.recall
    names = np.array([query.pool for query in queries], np.str_)
    for name in np.unique(names):
        if gained[names == name].sum() < 0 or recalled[names == name].sum() < 0:
            return True
    return difference(gained, queries, seed).low < 0


def gain(before: Answers, after: Answers) -> Float64Array:
    """(Q,) by how much each reciprocal rank rose. Sums of thirds and fifths need not cancel to
    0 exactly: what is within rounding of 0 is 0."""
    found: Float64Array = np.round(after.reciprocal - before.reciprocal, 12)
    return found


def difference(values: Float64Array, queries: Sequence[PairedQuery], seed: int) -> Interval:
    """The mean and its interval; queries of one product are drawn together."""
    return bootstrap(values.tolist(), seed=seed, clusters=[query.product for query in queries])


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


def validated(pairs: Pairs, after: Answers, seed: int) -> tuple[Validation, ...]:
    """Without and with the reranker: all queries first, then every protocol where there are
    several."""
    before = retrieved(pairs)
    pools = np.array([query.pool for query in pairs.queries], np.str_)
    masks = {ALL: np.ones(len(pools), np.bool_)}
    if len(set(pools.tolist())) > 1:
        masks |= {name: pools == name for name in dict.fromkeys(pools.tolist())}
    found = []
    for name, mask in masks.items():
        which = np.flatnonzero(mask)
        queries = [pairs.queries[at] for at in which.tolist()]
        interval = difference(gain(before, after)[which], queries, seed)
        found.append(
            Validation(
                pool=name,
                queries=len(which),
                before=_quality(before.of(which)),
                after=_quality(after.of(which)),
                gain=(interval.mean, interval.low, interval.high),
            )
        )
    return tuple(found)


def _quality(answers: Answers) -> Quality:
    return Quality(
        recall=float(answers.recall.mean()),
        reciprocal=float(answers.reciprocal.mean()),
        precision=float(answers.precision.mean()),
    )


def _refuse_one_sided(relevant: BoolArray) -> None:
    if not 0 < int(relevant.sum()) < len(relevant):
        raise ConfigError(
            f"without the products of one fold, {int(relevant.sum())} of {len(relevant)} pairs "
            "are positive: both classes are needed to learn a reranker.",
            remedy="Give more queries or products, or more --folds.",
        )

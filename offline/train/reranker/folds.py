"""What every query's candidates are worth by a fit that saw nothing of their products."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError
from engine.types import BoolArray, Float64Array, IntArray
from offline.calibration.logistic import grouped_folds
from offline.evaluate.reranking.orders import Valued
from offline.evaluate.reranking.pairs import Pairs
from offline.train.reranker.models import Recipe, fit
from stages.rerank._scorer import Scorer

# Below this a paired interval of the gain is wider than any gain.
LEAST_QUERIES = 40


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


NONE = -1


def divide(pairs: Pairs, folds: int, seed: int) -> Folds:
    """Whole families (products where there are none) at a time, as even as can be.

    Raises ConfigError where fewer than LEAST_QUERIES queries have both right and wrong
    candidates, or where their groups are fewer than the folds.
    """
    decidable, groups = int(pairs.decidable.sum()), [one.group for one in pairs.asked]
    if decidable < LEAST_QUERIES or len(set(groups)) < folds:
        raise ConfigError(
            f"{decidable} of {len(pairs.asked)} queries have both right and wrong pictures among "
            f"their first candidates, of {len(set(groups))} products or families: at least "
            f"{LEAST_QUERIES} queries, of {folds} products or families, are needed to learn a "
            "rerank.",
            remedy="Give more queries, several protocols (--protocol A,B), or a larger --top-n.",
        )
    of_lists = grouped_folds(groups, folds, seed)
    fold_of = dict(zip(groups, of_lists.tolist(), strict=True))
    of_groups = np.array([fold_of.get(name, NONE) for name in pairs.names], np.int64)
    return Folds(of_lists, of_groups)


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One recipe, fitted without each fold in turn."""

    recipe: Recipe
    scorers: tuple[Scorer, ...]  # a fold each
    fold_of_row: IntArray  # (P,)

    def values(self, share: float, rows: Float64Array) -> Float64Array:
        """(P,) by the scorer that saw nothing of the row's query; ``rows`` as the pairs', or
        altered."""
        found = np.zeros(len(rows))
        for fold, scorer in enumerate(self.scorers):
            chosen = self.fold_of_row == fold
            found[chosen] = scorer.values(rows[chosen], share)
        return found

    def valued(self, share: float) -> Valued:
        return lambda rows: self.values(share, rows)


def hold_out(
    pairs: Pairs,
    recipes: Sequence[Recipe],
    folds: Folds,
    seed: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[HeldOut]:
    """Every recipe, fitted to what the other folds hold: queries and candidates both."""
    row_fold, group_fold = folds.of_lists[pairs.list_of], folds.of_groups[pairs.groups]
    number = {fold: at for at, fold in enumerate(folds.numbers)}
    found: list[HeldOut] = []
    total = len(recipes) * len(number)
    for recipe in recipes:
        scorers = []
        for fold in folds.numbers:
            seen = (row_fold != fold) & (group_fold != fold)
            _refuse_one_sided(pairs.right[seen])
            scorers.append(fit(recipe, pairs.rows[seen], pairs.right[seen], seed))
            if progress is not None:
                progress(len(found) * len(number) + len(scorers), total)
        at = np.array([number[fold] for fold in row_fold.tolist()], np.int64)
        found.append(HeldOut(recipe, tuple(scorers), at))
    return found


def _refuse_one_sided(right: BoolArray) -> None:
    if not 0 < int(right.sum()) < len(right):
        raise ConfigError(
            f"without the products of one fold, {int(right.sum())} of {len(right)} pairs are "
            "right: both kinds are needed to learn a rerank.",
            remedy="Give more queries or products, or more --folds.",
        )

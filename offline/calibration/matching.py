"""Fit the probability that a hit shows the photographed product, and the threshold of a match.

Every value is of products that took no part in the fit that judged them: photos are divided into
folds by product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.match_calibration import FEATURES, MatchFigures, MatchModel, within
from engine.types import BoolArray, Float64Array
from offline.adapt.logistic import fit_logistic, grouped_folds
from offline.calibration.acceptance import absent_needed, threshold_at
from offline.metrics.calibration import event_calibration_error
from offline.metrics.classification import auroc

# Products of an answer that are judged: as many as a query shows by default.
DEPTH = 10
FOLDS = 5
# Of the standardised weights: unnoticed where there are hundreds of photos, and what keeps them
# finite where the score separates correct from incorrect hits perfectly.
RIDGE = 1.0
# Of first hits beyond which scores and margins count alike. Log loss of held-out first hits with it
# and without: 0.529 and 0.543 (GroceryStore, photos), 0.375 and 0.384 (its views), 0.401 and 0.412
# (Packbench, views), no difference on Packbench's photos; mean of five foldings.
TAIL = 0.05
BINS = 10  # of the calibration error: a few hundred photos fill no more
# Below these, weights and folds depend more on single photos than on the catalogue.
LEAST_PRODUCTS = 10
LEAST_RIGHT = 10


@dataclass(frozen=True, eq=False)
class Answer:
    """The first ``DEPTH`` products that one photo is answered with.

    ``features`` (N, 3) as of ``engine.match_calibration.match_features``, in the order of ranks;
    ``right`` (N,): which is the product itself. Not ``present``: the gallery lacks it, or it was
    left out. N may be 0: then nothing was found.
    """

    product: str
    present: bool
    features: Float64Array
    right: BoolArray

    @property
    def right_first(self) -> bool:
        return bool(self.right[:1].any())


@dataclass(frozen=True, eq=False)
class MatchFit:
    """``held_out``: the probabilities of every answer's hits by fits without its product."""

    model: MatchModel
    threshold: float
    held_out: tuple[Float64Array, ...]
    folds: npt.NDArray[np.int64]  # (A,) of the answers
    figures: MatchFigures


def fit_matching(answers: Sequence[Answer], false_accepts: float = 0.05, seed: int = 0) -> MatchFit:
    """The model of all answers, its threshold, and the quality of both on unseen products.

    Raises ConfigError, with the number that it takes, where the answers are too few.
    """
    refuse_too_few(answers, false_accepts)
    folds = grouped_folds([answer.product for answer in answers], FOLDS, seed)
    held_out = _held_out(answers, folds)
    firsts = first_probabilities(held_out)
    present = np.array([answer.present for answer in answers])
    return MatchFit(
        model=fit_model(answers),
        threshold=threshold_at(firsts[~present], false_accepts),
        held_out=held_out,
        folds=folds,
        figures=_figures(answers, held_out, accepted(firsts, present, folds, false_accepts)),
    )


def fit_model(answers: Sequence[Answer]) -> MatchModel:
    """Logistic regression with a ridge and no negative weight, by hits of all answers."""
    lowest, widest = _reach(answers)
    rows = within(np.concatenate([answer.features for answer in answers]), lowest, widest)
    correct = np.concatenate([answer.right for answer in answers])
    fitted = fit_logistic(rows, correct, FEATURES, RIDGE, non_negative=True)
    # A gallery keeps the weights of the features as they are, not of the standardised ones.
    weights = {name: term.weight / term.deviation for name, term in fitted.terms.items()}
    shift = sum(weights[name] * term.mean for name, term in fitted.terms.items())
    return MatchModel(
        lowest_score=lowest,
        widest_margin=widest,
        intercept=fitted.intercept - shift,
        **weights,
    )


def _reach(answers: Sequence[Answer]) -> tuple[float, float]:
    """The lowest score and the widest margin: all but ``TAIL`` of the first hits are within each.
    Scores without a lower bound, such as inner products, would else be fitted to far hits."""
    firsts = np.concatenate([answer.features[:1] for answer in answers])
    lowest = np.quantile(firsts[:, 0], TAIL)
    return float(lowest), float(np.quantile(np.abs(firsts[:, 1]), 1 - TAIL))


def first_probabilities(held_out: Sequence[Float64Array]) -> Float64Array:
    """(A,) of every answer's first hit; 0 where there is none."""
    return np.array([rows[0] if len(rows) else 0.0 for rows in held_out], np.float64)


def accepted(
    firsts: Float64Array, present: BoolArray, folds: npt.NDArray[np.int64], false_accepts: float
) -> BoolArray:
    """(A,) whether each answer counts as a match, by the threshold of the other folds."""
    found = np.zeros(len(firsts), np.bool_)
    for fold in np.unique(folds):
        mine = folds == fold
        found[mine] = firsts[mine] > threshold_at(firsts[~mine & ~present], false_accepts)
    return found


def refuse_too_few(answers: Sequence[Answer], false_accepts: float) -> None:
    """Raise ConfigError where the answers are too few for a fit."""
    present = [answer for answer in answers if answer.present]
    absent = len(answers) - len(present)
    there = {
        "products photographed": (len({answer.product for answer in answers}), LEAST_PRODUCTS),
        f"photos with the correct product among the first {DEPTH} hits": (
            sum(bool(answer.right.any()) for answer in present),
            LEAST_RIGHT,
        ),
        f"answers about absent products, for {false_accepts:g} false accepts": (
            absent,
            absent_needed(false_accepts),
        ),
    }
    short = [f"{have} {what}, needs {need}" for what, (have, need) in there.items() if have < need]
    if short:
        raise ConfigError(
            f"too few to calibrate: {'; '.join(short)}.",
            remedy="Give more photos of products in the gallery, or a larger --false-accepts.",
        )


def _held_out(answers: Sequence[Answer], folds: npt.NDArray[np.int64]) -> tuple[Float64Array, ...]:
    by_fold = {}
    for fold in np.unique(folds).tolist():
        others = [answer for answer, own in zip(answers, folds, strict=True) if own != fold]
        by_fold[fold] = fit_model(others)
    return tuple(
        by_fold[fold].probability(answer.features)
        for answer, fold in zip(answers, folds.tolist(), strict=True)
    )


def _figures(
    answers: Sequence[Answer], held_out: Sequence[Float64Array], passed: BoolArray
) -> MatchFigures:
    firsts = first_probabilities(held_out)
    present = np.array([answer.present for answer in answers])
    right_first = np.array([answer.right_first for answer in answers])
    correct = present & right_first
    every = np.concatenate([answer.right for answer in answers])
    return MatchFigures(
        present=int(present.sum()),
        absent=int((~present).sum()),
        products=len({answer.product for answer in answers}),
        auroc=auroc(cast("Float64Array", firsts[present]), cast("Float64Array", firsts[~present])),
        false_accepts=float(passed[~present].mean()),
        true_accepts=float(passed[present].mean()),
        right_first=float(right_first[present].mean()),
        ece_first=event_calibration_error(firsts, right_first, BINS),
        ece_all=event_calibration_error(np.concatenate(held_out), every, BINS),
        correct_refused=float(1 - passed[correct].mean()) if correct.any() else None,
    )

"""Fit the probability that a hit shows the photographed product, and the threshold of a match.

Every value is of products that took no part in the fit that judged them: photos are divided into
folds by product.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

import numpy as np
import numpy.typing as npt

from engine import __version__
from engine.errors import ConfigError
from engine.match_calibration import (
    FEATURES,
    LEAST_AUROC,
    PRINT_FEATURES,
    MatchCalibration,
    MatchFigures,
    MatchModel,
    within,
)
from engine.search import Searcher
from engine.types import BoolArray, Float64Array
from offline.adapt.acceptance import absent_needed, refused_at, threshold_at
from offline.adapt.logistic import fit_logistic, grouped_folds
from offline.metrics.calibration import event_calibration_error
from offline.metrics.classification import auroc
from offline.metrics.statistics import RESAMPLES, resampled

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
# Of the correct first hits, as many may be called "not in this catalogue".
MISSED = 0.05
NONE_NAMED = {"absent_named": 0.0, "correct_named": 0.0}


@dataclass(frozen=True, eq=False)
class Answer:
    """The first ``DEPTH`` products that one photo is answered with.

    ``features`` (N, 5) as of ``engine.match_calibration.match_features``, in the order of ranks;
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
    """``absent_below``: as of ``MatchCalibration``. ``held_out``: the probabilities of every
    answer's hits by fits without its product. ``firsts`` are of first hits, 0 where there is none:
    by the fit without each fold, the answers of that fold and all others."""

    model: MatchModel
    threshold: float
    absent_below: float | None
    held_out: tuple[Float64Array, ...]
    firsts: Float64Array  # (F, A)
    folds: npt.NDArray[np.int64]  # (A,) of the answers
    figures: MatchFigures


def fit_matching(
    answers: Sequence[Answer],
    false_accepts: float = 0.05,
    seed: int = 0,
    views: Sequence[Answer] = (),
) -> MatchFit:
    """The model of all answers, its thresholds, and the quality of both on unseen products.
    ``views``: answers to the gallery's own images, beside those to photos.

    A threshold is of probabilities by one model, which are comparable; those by the fits of several
    folds differ by more than the few weights of one fit can learn of its own answers (false accepts
    0.055 of 0.05 requested either way, accepted 0.72 and 0.71 of views, 0.27 and 0.25 of photos:
    GroceryStore's cartons, mean of eight foldings).
    Raises ConfigError, with the number that it takes, where the answers are too few.
    """
    refuse_too_few(answers, false_accepts)
    folds = grouped_folds([answer.product for answer in answers], FOLDS, seed)
    others = [_chosen(answers, folds != fold) for fold in range(folds.max() + 1)]
    models = [fit_model(some, guide_of(_without(views, answers, some), some)) for some in others]
    firsts = np.stack([first_probabilities(model, answers) for model in models])
    pairs = zip(answers, folds.tolist(), strict=True)
    held_out = tuple(models[fold].probability(answer.features) for answer, fold in pairs)
    kinds = Kinds.of(answers)
    passed = accepted(firsts, kinds.present, folds, false_accepts)
    named = named_absent(firsts, kinds, folds, false_accepts)
    model = fit_model(answers, guide_of(views, answers))
    own = first_probabilities(model, answers)
    threshold = threshold_at(own[~kinds.present], false_accepts)
    products = [answer.product for answer in answers]
    supported = _told_apart(named, kinds.present, products, seed)
    figures = _figures(answers, held_out, passed, named)
    if not supported or figures.auroc < LEAST_AUROC:
        supported, figures = False, figures.model_copy(update=NONE_NAMED)
    return MatchFit(
        model=model,
        threshold=threshold,
        absent_below=_absent_below(own, kinds, threshold) if supported else None,
        held_out=held_out,
        firsts=firsts,
        folds=folds,
        figures=figures,
    )


def fit_model(answers: Sequence[Answer], guide: MatchModel | None = None) -> MatchModel:
    """Logistic regression with a ridge and no negative weight, by hits of all answers. ``guide``:
    score and margin weigh in as they do in this model of more answers. Print takes part where any
    hit shows some of the photo's."""
    lowest, widest = _reach(answers)
    rows = within(np.concatenate([answer.features for answer in answers]), lowest, widest)
    correct = np.concatenate([answer.right for answer in answers])
    names = [*FEATURES, *PRINT_FEATURES] if rows[:, len(FEATURES) :].any() else [*FEATURES]
    rows = rows[:, : len(names)]
    if guide is not None:
        rows = np.column_stack([rows[:, :2] @ (guide.score, guide.margin), rows[:, 2:]])
        names = ["both", *names[2:]]
    fitted = fit_logistic(rows, correct, names, RIDGE, non_negative=True)
    # A gallery keeps the weights of the features as they are, not of the standardised ones.
    weights = {name: term.weight / term.deviation for name, term in fitted.terms.items()}
    shift = sum(weights[name] * term.mean for name, term in fitted.terms.items())
    if guide is not None:
        both = weights.pop("both")
        weights |= {"score": both * guide.score, "margin": both * guide.margin}
    return MatchModel(
        lowest_score=lowest,
        widest_margin=widest,
        intercept=fitted.intercept - shift,
        **weights,
    )


def guide_of(views: Sequence[Answer], answers: Sequence[Answer]) -> MatchModel | None:
    """What views of the gallery teach about score and margin, where they are more than the answers
    to photos: of few photos alone the weights are chance. None where they teach nothing."""
    try:
        refuse_too_few(views, 0.5)
    except ConfigError:
        return None
    model = fit_model(views)
    useful = len(views) > len(answers) and model.score + model.margin > 0
    return model if useful else None


def _reach(answers: Sequence[Answer]) -> tuple[float, float]:
    """The lowest score and the widest margin: all but ``TAIL`` of the first hits are within each.
    Scores without a lower bound, such as inner products, would else be fitted to far hits."""
    firsts = np.concatenate([answer.features[:1] for answer in answers])
    lowest = np.quantile(firsts[:, 0], TAIL)
    return float(lowest), float(np.quantile(np.abs(firsts[:, 1]), 1 - TAIL))


def first_probabilities(model: MatchModel, answers: Sequence[Answer]) -> Float64Array:
    """(A,) of every answer's first hit; 0 where there is none."""
    found = np.zeros(len(answers))
    there = np.array([len(answer.features) > 0 for answer in answers], np.bool_)
    if there.any():
        rows = [answer.features[0] for answer in answers if len(answer.features)]
        found[there] = model.probability(np.stack(rows))
    return found


@dataclass(frozen=True, eq=False)
class Kinds:
    """(A,) whether the gallery had the product of each answer, and whether it came first."""

    present: BoolArray
    correct: BoolArray

    @classmethod
    def of(cls, answers: Sequence[Answer]) -> Kinds:
        present = np.array([answer.present for answer in answers], np.bool_)
        first = np.array([answer.right_first for answer in answers], np.bool_)
        return cls(present, present & first)


def accepted(
    firsts: Float64Array, present: BoolArray, folds: npt.NDArray[np.int64], false_accepts: float
) -> BoolArray:
    """(A,) whether each answer counts as a match, by fit and threshold of the other folds;
    ``firsts`` (F, A) as of ``MatchFit``."""
    found = np.zeros(len(present), np.bool_)
    for fold, row in enumerate(firsts):
        mine = folds == fold
        found[mine] = row[mine] > threshold_at(row[~mine & ~present], false_accepts)
    return found


def named_absent(
    firsts: Float64Array, kinds: Kinds, folds: npt.NDArray[np.int64], false_accepts: float
) -> BoolArray:
    """(A,) whether the product of each answer would be called absent from the catalogue, likewise
    by the other folds."""
    found = np.zeros(len(folds), np.bool_)
    for fold, row in enumerate(firsts):
        mine = folds == fold
        others = Kinds(kinds.present[~mine], kinds.correct[~mine])
        threshold = threshold_at(row[~mine & ~kinds.present], false_accepts)
        below = _absent_below(row[~mine], others, threshold)
        found[mine] = False if below is None else row[mine] <= below
    return found


def _absent_below(firsts: Float64Array, kinds: Kinds, threshold: float) -> float | None:
    if not kinds.correct.any():
        return None
    below = refused_at(firsts[kinds.correct], MISSED)
    return None if below is None else min(below, threshold)


def _told_apart(named: BoolArray, present: BoolArray, products: Sequence[str], seed: int) -> bool:
    """Whether the products called absent are absent ones beyond chance: oftener among answers
    about absent products than among those about present ones, by the 95 % interval over
    products."""
    if not named.any():
        return False
    gaps = []
    for times in resampled(len(named), seed=seed, resamples=RESAMPLES, clusters=products):
        rates = [
            (times[:, kind] @ named[kind]) / np.maximum(times[:, kind].sum(axis=1), 1)
            for kind in (~present, present)
        ]
        gaps.append(rates[0] - rates[1])
    return bool(np.quantile(np.concatenate(gaps), 0.025) > 0)


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


def _chosen(answers: Sequence[Answer], which: BoolArray) -> list[Answer]:
    return [answer for answer, mine in zip(answers, which.tolist(), strict=True) if mine]


def _without(
    views: Sequence[Answer], answers: Sequence[Answer], kept: Sequence[Answer]
) -> list[Answer]:
    """The views less those of products whose answers are not kept."""
    left_out = {one.product for one in answers} - {one.product for one in kept}
    return [view for view in views if view.product not in left_out]


def _figures(
    answers: Sequence[Answer],
    held_out: Sequence[Float64Array],
    passed: BoolArray,
    named: BoolArray,
) -> MatchFigures:
    firsts = np.array([rows[0] if len(rows) else 0.0 for rows in held_out], np.float64)
    kinds = Kinds.of(answers)
    present, correct = kinds.present, kinds.correct
    every = np.concatenate([answer.right for answer in answers])
    return MatchFigures(
        present=int(present.sum()),
        absent=int((~present).sum()),
        products=len({answer.product for answer in answers}),
        auroc=auroc(firsts[present], firsts[~present]),
        false_accepts=float(passed[~present].mean()),
        true_accepts=float(passed[present].mean()),
        right_first=float(correct[present].mean()),
        ece_first=event_calibration_error(firsts, correct, BINS),
        ece_all=event_calibration_error(np.concatenate(held_out), every, BINS),
        correct_refused=float(1 - passed[correct].mean()) if correct.any() else None,
        absent_named=float(named[~present].mean()),
        correct_named=float(named[correct].mean()) if correct.any() else None,
    )


def calibration_of(
    fit: MatchFit,
    source: Literal["photos", "views"],
    false_accepts: float,
    searcher: Searcher,
    *,
    seen: bool = False,
) -> MatchCalibration:
    """For searches as by this searcher. By views no product is called absent, nor by photos that
    the adaptation has ``seen``: other photos are less like the gallery, and would be called so."""
    images = sum(searcher.gallery.categories().values())
    named = source == "photos" and not seen
    return MatchCalibration(
        identity=searcher.answering(),
        model=fit.model,
        threshold=fit.threshold,
        absent_below=fit.absent_below if named else None,
        false_accepts=false_accepts,
        figures=fit.figures if named else fit.figures.model_copy(update=NONE_NAMED),
        source=source,
        images=images,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        written_by=f"packsight {__version__}",
    )

"""Classification metrics: by category and averaged over them, and what they mean for routing.

A confusion matrix has the true category in the row and the predicted one in the column. All
metrics but the number of categories searched lie in [0, 1]. Categories without a photo count in no
average: they have no recall. Of the others, what has nothing to divide by is 0, such as the
precision of a category that is never predicted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engine.config import RouteSettings
from engine.probabilities import Floats
from engine.routing import route
from engine.types import CategoryScores, Float64Array, IntArray, Route
from offline.metrics.statistics import RESAMPLES, resampled

Labels = npt.NDArray[np.integer]


def confusion_matrix(predicted: Labels, true: Labels, categories: int) -> IntArray:
    """(C, C) counts, row = true, column = predicted; both (N,) numbers in [0, categories).

    Raises ValueError for numbers outside and for lengths that differ.
    """
    guesses, labels = np.asarray(predicted), np.asarray(true)
    if guesses.shape != labels.shape or guesses.ndim != 1:
        raise ValueError(f"need one prediction a label, not {guesses.shape} and {labels.shape}")
    for numbers in (guesses, labels):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < categories:
            raise ValueError(f"category numbers must lie in [0, {categories})")
    cells = labels.astype(np.int64) * categories + guesses.astype(np.int64)
    counted = np.bincount(cells, minlength=categories**2)
    return counted.astype(np.int64).reshape(categories, categories)


@dataclass(frozen=True, eq=False)
class Tally:
    """(..., C) counts by category, of whole numbers; leading axes are matrices of their own."""

    hits: Float64Array  # true positives
    true: Float64Array  # photos of the category
    predicted: Float64Array  # photos that were predicted to be of it

    @property
    def photos(self) -> Float64Array:
        """(..., 1)"""
        return np.asarray(self.true.sum(axis=-1, keepdims=True), np.float64)

    @property
    def precision(self) -> Float64Array:
        return _ratio(self.hits, self.predicted)

    @property
    def recall(self) -> Float64Array:
        return _ratio(self.hits, self.true)

    @property
    def f1(self) -> Float64Array:
        return _ratio(2 * self.hits, self.predicted + self.true)

    @property
    def accuracy(self) -> Float64Array:
        """(TP + TN) / all of each category: equation 6 of Waqas et al., CMC 2023."""
        correct = self.photos - self.predicted - self.true + 2 * self.hits
        return _ratio(correct, np.broadcast_to(self.photos, correct.shape))


@dataclass(frozen=True, eq=False)
class Averages:
    """(...), one number a matrix; 0 where it has no photo.

    ``accuracy`` is the micro average of precision, of recall and of F1 all at once: every photo
    has one category and one prediction, so a false positive of one category is a false negative
    of another. ``accuracy_variance`` is the population's, divided by the number of
    categories: they are all that there are, not a sample of more. The paper's Table 2 does not
    state which it gives.
    """

    accuracy: Float64Array  # fraction of photos whose category was predicted
    average_accuracy: Float64Array  # mean of equation 6 over categories
    accuracy_variance: Float64Array  # of equation 6 over categories
    macro_precision: Float64Array
    macro_recall: Float64Array
    macro_f1: Float64Array
    weighted_precision: Float64Array  # by the number of photos
    weighted_recall: Float64Array  # the same as accuracy
    weighted_f1: Float64Array


# The averages by the names that reports give them, the most important first: a new one is a field
# of ``Averages`` and a row here. Accuracy is missing: it is a mean over photos and has samples.
AVERAGE_NAMES = {
    "macro_f1": "macro F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "weighted_precision": "weighted precision",
    "weighted_recall": "weighted recall",
    "weighted_f1": "weighted F1",
    "average_accuracy": "average accuracy (eq. 6)",
    "accuracy_variance": "variance of accuracy (eq. 6)",
}


def averages(tally: Tally) -> Averages:
    """Of every matrix in ``tally``."""
    there = tally.true > 0
    categories, photos = there.sum(axis=-1), tally.photos[..., 0]

    def macro(values: Float64Array) -> Float64Array:
        return _ratio(np.where(there, values, 0.0).sum(axis=-1), categories)

    def weighted(values: Float64Array) -> Float64Array:
        return _ratio((values * tally.true).sum(axis=-1), photos)

    average = macro(tally.accuracy)
    return Averages(
        accuracy=_ratio(tally.hits.sum(axis=-1), photos),
        average_accuracy=average,
        accuracy_variance=macro(np.square(tally.accuracy - average[..., None])),
        macro_precision=macro(tally.precision),
        macro_recall=macro(tally.recall),
        macro_f1=macro(tally.f1),
        weighted_precision=weighted(tally.precision),
        weighted_recall=weighted(tally.recall),
        weighted_f1=weighted(tally.f1),
    )


def resampled_tally(
    predicted: Labels,
    true: Labels,
    categories: int,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Tally:
    """(resamples, C) counts of photos drawn with replacement, those of one cluster together.

    ``predicted`` and ``true`` are (N,) numbers in [0, categories). The percentiles of what is
    computed from them are its bootstrap interval, also for metrics that are not a mean over photos.
    """
    guesses, labels = (_one_hot(numbers, categories) for numbers in (predicted, true))
    blocks = [
        np.stack([times @ (guesses * labels), times @ labels, times @ guesses])
        for times in resampled(len(true), seed=seed, resamples=resamples, clusters=clusters)
    ]
    return Tally(*np.concatenate(blocks, axis=1))


@dataclass(frozen=True)
class CategoryMetrics:
    """One category against all others."""

    precision: float  # TP / (TP + FP)
    recall: float  # TP / (TP + FN)
    f1: float  # harmonic mean of the two: 2 TP / (2 TP + FP + FN)
    accuracy: float  # (TP + TN) / all: equation 6 of Waqas et al., CMC 2023
    support: int  # photos of this category


@dataclass(frozen=True)
class Summary:
    """All categories together, see ``averages``: macro averages count every category alike,
    weighted ones by its photos, and accuracy is the micro average."""

    accuracy: float  # fraction of photos whose likeliest category is the true one
    average_accuracy: float  # mean of equation 6 over categories: the paper's Table 2
    accuracy_variance: float  # and its variance over them, the population's
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_precision: float
    weighted_recall: float
    weighted_f1: float
    photos: int


def category_metrics(confusion: IntArray) -> list[CategoryMetrics]:
    """In the order of the matrix: the rows of the paper's Table 1."""
    tally = tally_of(confusion)
    columns = tally.precision, tally.recall, tally.f1, tally.accuracy
    rows = zip(*(column.tolist() for column in columns), confusion.sum(axis=1), strict=True)
    return [CategoryMetrics(p, r, f1, accuracy, int(n)) for p, r, f1, accuracy, n in rows]


def summary(confusion: IntArray) -> Summary:
    """Categories without a photo count in no average. Raises ValueError without photos.

    Equation 6 flatters: with C categories, an average accuracy of a is a plain accuracy of
    1 - (1 - a) C / 2 when every category takes part. Hence both are reported.
    """
    if not confusion.sum():
        raise ValueError("metrics need at least one photo")
    found = averages(tally_of(confusion))
    means = {field.name: float(getattr(found, field.name)) for field in fields(found)}
    return Summary(**means, photos=int(confusion.sum()))


def tally_of(confusion: IntArray) -> Tally:
    """The counts by category of one matrix."""
    counts = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return Tally(*(np.asarray(count, np.float64) for count in counts))


def auroc(known: Sequence[float] | Floats, unknown: Sequence[float] | Floats) -> float:
    """How often a known photo's score exceeds an unknown one's, ties by half; 0.5 is chance.

    ``known`` (N,), ``unknown`` (M,): scores, higher for what is more likely known. The area under
    the ROC curve as the statistic of Mann and Whitney (Annals of Mathematical
    Statistics 1947; Hanley, McNeil, Radiology 1982). Raises ValueError when either is empty.
    """
    high, low = checked_scores(known), np.sort(checked_scores(unknown))
    below = np.searchsorted(low, high, side="left")
    up_to = np.searchsorted(low, high, side="right")
    return float((below + up_to).mean() / (2 * len(low)))


@dataclass(frozen=True)
class RoutingMetrics:
    """How often routing reaches the true category, and at what cost."""

    reach: float  # fraction of photos whose true category is searched
    searched: float  # mean number of categories
    everywhere: float  # fraction of photos that were searched in every category, as unsure


def routing_metrics(
    scores: Sequence[CategoryScores], true: Sequence[str], settings: RouteSettings
) -> RoutingMetrics:
    """Route every photo as serving does, in a gallery that holds just what ``scores`` name.

    Raises ValueError without photos and where the lengths differ.
    """
    routes = [route(one, sorted(one.names), settings, knows=one.names) for one in scores]
    return metrics_of_routes(routes, true)


def metrics_of_routes(routes: Sequence[Route], true: Sequence[str]) -> RoutingMetrics:
    """As ``routing_metrics``, of photos that were routed already."""
    if not routes:
        raise ValueError("metrics need at least one photo")
    reached = [name in one.categories for name, one in zip(true, routes, strict=True)]
    return RoutingMetrics(
        reach=_mean(reached),
        searched=_mean([len(one.categories) for one in routes]),
        everywhere=_mean([one.unsure for one in routes]),
    )


def scores_of(
    names: tuple[str, ...],
    probabilities: Floats,
    unknown: npt.NDArray[np.bool_] | None = None,
    least: float | None = None,
) -> list[CategoryScores]:
    """(N, C) probabilities as serving hands them to the routing; ``unknown`` is (N,)."""
    rows = np.asarray(probabilities, np.float32)
    decided = np.zeros(len(rows), np.bool_) if unknown is None else unknown
    return [
        CategoryScores(names, row.copy(), unknown=bool(one), least=least)
        for row, one in zip(rows, decided, strict=True)
    ]


def checked_scores(values: Sequence[float] | Floats) -> npt.NDArray[np.float64]:
    """(N,) as float64. Raises ValueError for none and for NaN."""
    found = np.asarray(values, np.float64)
    if found.ndim != 1 or not len(found) or np.isnan(found).any():
        raise ValueError("need at least one score, and none that is NaN")
    return found


def _one_hot(labels: Labels, categories: int) -> Float64Array:
    """(N, C)"""
    return np.asarray(np.arange(categories) == np.asarray(labels)[:, None], np.float64)


def _ratio(part: Float64Array, whole: npt.NDArray[np.number]) -> Float64Array:
    quotient: Float64Array = np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
    return quotient


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

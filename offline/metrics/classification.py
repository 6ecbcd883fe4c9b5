"""How good a classifier is, by category and overall, and what that means for routing.

A confusion matrix has the true category in the row and the predicted one in the column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt

from engine.config import RouteSettings
from engine.probabilities import Floats
from engine.routing import route
from engine.types import CategoryScores, IntArray, Route
from offline.classification_averages import Tally, averages

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True)
class CategoryFigures:
    """One category against all others. What has nothing to divide by is 0."""

    precision: float  # TP / (TP + FP): of what was given this name, the share that is right
    recall: float  # TP / (TP + FN): of what has this name, the share that was given it
    f1: float  # harmonic mean of the two
    accuracy: float  # (TP + TN) / all: equation 6 of Waqas et al., CMC 2023
    support: int  # photos of this category


@dataclass(frozen=True)
class Summary:
    """All categories together, see ``offline.classification_averages``; macro averages count
    every category alike, weighted ones by its photos, and accuracy is the micro average."""

    accuracy: float  # share of photos whose likeliest category is the true one
    average_accuracy: float  # mean of equation 6 over categories: what the paper's Table 2 gives
    accuracy_variance: float  # and its variance over them, the population's
    macro_precision: float
    macro_recall: float
    macro_f1: float
    weighted_precision: float
    weighted_recall: float
    weighted_f1: float
    photos: int


@dataclass(frozen=True)
class RoutingFigures:
    """What a way of routing makes of photos whose true category is known."""

    reach: float  # share of photos whose true category is searched
    searched: float  # mean number of categories
    everywhere: float  # share of photos that were searched in every category, as unsure


def confusion_matrix(predicted: Labels, true: Labels, categories: int) -> IntArray:
    """(C, C) counts, row = true, column = predicted; both (N,) numbers in [0, categories).

    Raises ValueError for numbers outside and for lengths that differ.
    """
    given, right = np.asarray(predicted), np.asarray(true)
    if given.shape != right.shape or given.ndim != 1:
        raise ValueError(f"need one prediction a label, not {given.shape} and {right.shape}")
    for numbers in (given, right):
        if len(numbers) and not 0 <= numbers.min() <= numbers.max() < categories:
            raise ValueError(f"category numbers must lie in [0, {categories})")
    cells = right.astype(np.int64) * categories + given.astype(np.int64)
    counted = np.bincount(cells, minlength=categories**2)
    return counted.astype(np.int64).reshape(categories, categories)


def category_figures(confusion: IntArray) -> list[CategoryFigures]:
    """In the order of the matrix: the rows of the paper's Table 1."""
    tally = tally_of(confusion)
    columns = tally.precision, tally.recall, tally.f1, tally.accuracy
    rows = zip(*(column.tolist() for column in columns), confusion.sum(axis=1), strict=True)
    return [CategoryFigures(p, r, f1, accuracy, int(n)) for p, r, f1, accuracy, n in rows]


def summary(confusion: IntArray) -> Summary:
    """Categories without a photo count in no average. Raises ValueError without photos.

    Equation 6 flatters: with C categories, an average accuracy of a is a plain accuracy of
    1 - (1 - a) C / 2 when every category takes part. Hence both stand side by side.
    """
    if not confusion.sum():
        raise ValueError("figures need at least one photo")
    found = averages(tally_of(confusion))
    means = {field.name: float(getattr(found, field.name)) for field in fields(found)}
    return Summary(**means, photos=int(confusion.sum()))


def tally_of(confusion: IntArray) -> Tally:
    """The counts by category of one matrix."""
    counts = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    return Tally(*(np.asarray(count, np.float64) for count in counts))


def routing_figures(
    scores: Sequence[CategoryScores], true: Sequence[str], settings: RouteSettings
) -> RoutingFigures:
    """Route every photo as serving does, in a gallery that holds just what ``scores`` name.

    Raises ValueError without photos and where the lengths differ.
    """
    routes = [route(one, sorted(one.names), settings, knows=one.names) for one in scores]
    return figures_of_routes(routes, true)


def figures_of_routes(routes: Sequence[Route], true: Sequence[str]) -> RoutingFigures:
    """As ``routing_figures``, of photos that were routed already."""
    if not routes:
        raise ValueError("figures need at least one photo")
    reached = [name in one.categories for name, one in zip(true, routes, strict=True)]
    return RoutingFigures(
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


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)

"""Averages over categories, of one confusion matrix or of many at once: macro, weighted, micro.

Categories without a photo count in no average: they have no recall. Of what is left, what has
nothing to divide by is 0, such as the precision of a category that is never predicted.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import Float64Array
from offline.metrics.statistics import RESAMPLES
from offline.resampling import resampled

Labels = npt.NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Tally:
    """(..., C) counts by category, of whole numbers; leading axes are matrices of their own."""

    hits: Float64Array  # true positives
    true: Float64Array  # photos of the category
    given: Float64Array  # photos that were given its name

    @property
    def photos(self) -> Float64Array:
        """(..., 1)"""
        return np.asarray(self.true.sum(axis=-1, keepdims=True), np.float64)

    @property
    def precision(self) -> Float64Array:
        return _ratio(self.hits, self.given)

    @property
    def recall(self) -> Float64Array:
        return _ratio(self.hits, self.true)

    @property
    def f1(self) -> Float64Array:
        return _ratio(2 * self.hits, self.given + self.true)

    @property
    def accuracy(self) -> Float64Array:
        """(TP + TN) / all of each category: equation 6 of Waqas et al., CMC 2023."""
        right = self.photos - self.given - self.true + 2 * self.hits
        return _ratio(right, np.broadcast_to(self.photos, right.shape))


@dataclass(frozen=True, eq=False)
class Averages:
    """(...), one number a matrix; 0 where it has no photo.

    ``accuracy`` is the micro average of precision, of recall and of F1 all at once: every photo
    has one category and is given one name, so what one category gains as a false positive
    another misses. ``accuracy_variance`` is the population's, divided by the number of
    categories: they are all that there are, not a sample of more. The paper's Table 2 does not
    say which it gives.
    """

    accuracy: Float64Array  # share of photos that were given their category
    average_accuracy: Float64Array  # mean of equation 6 over categories
    accuracy_variance: Float64Array  # of equation 6 over categories
    macro_precision: Float64Array
    macro_recall: Float64Array
    macro_f1: Float64Array
    weighted_precision: Float64Array  # by the number of photos
    weighted_recall: Float64Array  # the same as accuracy
    weighted_f1: Float64Array


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
    computed from them are its bootstrap interval, also for figures that are no mean over photos.
    """
    given, have = (_one_hot(labels, categories) for labels in (predicted, true))
    blocks = [
        np.stack([times @ (given * have), times @ have, times @ given])
        for times in resampled(len(true), seed=seed, resamples=resamples, clusters=clusters)
    ]
    return Tally(*np.concatenate(blocks, axis=1))


def _one_hot(labels: Labels, categories: int) -> Float64Array:
    """(N, C)"""
    return np.asarray(np.arange(categories) == np.asarray(labels)[:, None], np.float64)


def _ratio(part: Float64Array, whole: npt.NDArray[np.number]) -> Float64Array:
    quotient: Float64Array = np.divide(part, whole, out=np.zeros(np.shape(part)), where=whole > 0)
    return quotient

"""Predictions for photos whose categories are known, as arrays over one set of names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, CategoryScores, Float64Array, IntArray
from offline.datasets import DatasetImage
from offline.datasets.relevance import clusters_of
from offline.metrics.classification import confusion_matrix

Labels = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Predictions:
    """At least one photo; ``images``, ``scores`` and ``true`` are aligned.

    ``names``: all categories that a photo has or that any scores name, in alphabetical order;
    scores may name them in any order and need not name all. The likeliest is the one that
    ``CategoryScores.ranked`` puts first: of equally likely ones the first by alphabet.
    """

    images: tuple[DatasetImage, ...]
    scores: tuple[CategoryScores, ...]
    names: tuple[str, ...]

    @cached_property
    def _at(self) -> dict[str, int]:
        return {name: at for at, name in enumerate(self.names)}

    @cached_property
    def true(self) -> Labels:
        """(N,) places in ``names``."""
        return np.array([self._at[name] for name in self.true_names], np.int64)

    @cached_property
    def _values(self) -> Float64Array:
        """(N, C) probabilities that sum to 1 a row, -1 where the scores do not name a category."""
        values = np.full((len(self.scores), len(self.names)), -1.0)
        for row, one in zip(values, self.scores, strict=True):
            fractions = np.asarray(one.probabilities, np.float64)
            row[[self._at[name] for name in one.names]] = fractions / fractions.sum()
        return values

    @cached_property
    def probabilities(self) -> Float64Array:
        """(N, C), rows sum to 1."""
        return np.asarray(np.maximum(self._values, 0.0), np.float64)

    @property
    def predicted(self) -> Labels:
        """(N,) places of the likeliest."""
        return np.asarray(self._values.argmax(axis=1), np.int64)

    @property
    def confidence(self) -> Float64Array:
        """(N,) probability of the likeliest."""
        return np.asarray(np.minimum(self._values.max(axis=1), 1.0), np.float64)

    @property
    def correct(self) -> BoolArray:
        """(N,)"""
        return np.asarray(self.predicted == self.true, np.bool_)

    @property
    def ranks(self) -> Float64Array:
        """(N,) the true category's place among the likeliest, from 1; infinite where the scores
        do not name it: no number of guesses contains it."""
        order = np.argsort(-self._values, axis=1, kind="stable")
        ranks = np.asarray((order == self.true[:, None]).argmax(axis=1) + 1, np.float64)
        ranks[~self.named] = np.inf
        return ranks

    @property
    def named(self) -> BoolArray:
        """(N,) whether the scores name the true category at all."""
        return np.asarray(self._values[np.arange(len(self.true)), self.true] >= 0.0, np.bool_)

    @property
    def confusion(self) -> IntArray:
        """(C, C), row = true."""
        return confusion_matrix(self.predicted, self.true, len(self.names))

    @property
    def true_names(self) -> tuple[str, ...]:
        return tuple(str(image.category) for image in self.images)

    @property
    def items(self) -> tuple[str, ...]:
        return tuple(image.id for image in self.images)

    @property
    def clusters(self) -> tuple[str, ...]:
        return clusters_of(self.images)

    def where(self, kept: Sequence[bool]) -> Predictions:
        """Some of the photos, at least one, by the same names."""
        rows = [at for at, keep in enumerate(kept) if keep]
        images = tuple(self.images[at] for at in rows)
        return Predictions(images, tuple(self.scores[at] for at in rows), self.names)


def predictions_of(
    images: Sequence[DatasetImage], scores: Sequence[CategoryScores]
) -> Predictions | None:
    """Of the images that have a category; None where none has. ValueError unless aligned."""
    if len(images) != len(scores):
        raise ValueError(f"{len(scores)} scores for {len(images)} images")
    pairs = [
        (image, one)
        for image, one in zip(images, scores, strict=True)
        if image.category is not None
    ]
    if not pairs:
        return None
    names = {name for _, one in pairs for name in one.names}
    names |= {str(image.category) for image, _ in pairs}
    known, given = zip(*pairs, strict=True)
    return Predictions(known, given, tuple(sorted(names)))

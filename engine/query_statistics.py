"""What is kept of the photos that users search with: running means of their vectors, no image.

A gallery may learn from its queries how users' photos differ from its catalogue images (``[adapt]
learn_from_queries``). Answers do not change by it: the next adaptation may centre photos on the
mean that is kept here. One odd query moves that mean little: how far a vector lies from the others
is limited, and the same vector counts once.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

from engine.types import Description, FloatArray

# Queries are dealt to so many means in turn. A mean of several photos is no photo, yet whether one
# product comes first for all of them can be seen.
GROUPS = 10
# Of as many of the latest queries the means are at most, so that they follow the season.
WINDOW = 1000
LEAST_QUERIES = 50  # of which an adaptation takes the mean: five a group
# Times the mean distance from the centre that a query counts as at most. Distances of photos of
# packages from their mean differ by less than a half.
FARTHEST = 2.0
KEPT_AFTER = 50  # queries between two writes of an open searcher

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class QueryStatistics:
    """``means`` (G, D): of the queries that were dealt to each group, the first ``count`` rows
    where there are fewer; ``distance``: the mean distance from their centre; ``recent`` (R,):
    digests of the latest vectors, the last one last."""

    fingerprint: str  # of the stages that described the queries
    count: int
    distance: float
    means: FloatArray
    recent: npt.NDArray[np.uint64]

    def __post_init__(self) -> None:
        if self.means.ndim != 2 or len(self.means) != GROUPS or self.recent.ndim != 1:
            raise ValueError(f"means of shape {self.means.shape}, {GROUPS} rows are expected")
        if self.count < 0 or self.distance < 0 or not np.isfinite(self.distance):
            raise ValueError(f"{self.count} queries at a distance of {self.distance}")
        if not np.isfinite(self.means).all():
            raise ValueError("means must be finite")

    @classmethod
    def none(cls, fingerprint: str, dimension: int) -> QueryStatistics:
        means = np.zeros((GROUPS, dimension), np.float32)
        return cls(fingerprint, 0, 0.0, means, np.empty(0, np.uint64))

    @property
    def enough(self) -> bool:
        """Whether an adaptation may use them."""
        return self.count >= LEAST_QUERIES

    @property
    def weight(self) -> int:
        """Of how many queries the means are."""
        return min(self.count, WINDOW)

    def with_query(self, vector: FloatArray) -> QueryStatistics:
        """(D,). These themselves for a vector that is among the recent ones, or not finite."""
        digest = np.uint64(
            int.from_bytes(hashlib.blake2b(vector.tobytes(), digest_size=8).digest())
        )
        if digest in self.recent or not np.isfinite(vector).all():
            return self
        group, means = self.count % GROUPS, self.means.copy()
        count, distance = self.count + 1, self.distance
        if self.count < GROUPS:
            means[group] = vector
            if count == GROUPS:
                distance = float(np.median(_distances(means)))
                means = _limited(means, means, FARTHEST * distance)
        else:
            (near,) = _limited(vector[None], means, FARTHEST * distance)
            latest = min(self.count // GROUPS + 1, WINDOW // GROUPS)
            means[group] += (near - means[group]) / latest
            found = float(np.linalg.norm(near - _centre(self.means)))
            distance += (found - distance) / min(count, WINDOW)
        recent = np.append(self.recent, digest)[-WINDOW:]
        return replace(self, count=count, distance=distance, means=means, recent=recent)


def _centre(means: FloatArray) -> FloatArray:
    """(D,) the median of means, which one odd group does not move (Nemirovsky, Yudin, "Problem
    Complexity and Method Efficiency in Optimization", 1983), number by number."""
    return np.asarray(np.median(means, axis=0), np.float32)


def _distances(means: FloatArray) -> FloatArray:
    return np.asarray(np.linalg.norm(means - _centre(means), axis=1), np.float32)


def _limited(rows: FloatArray, means: FloatArray, farthest: float) -> FloatArray:
    """(N, D) drawn towards the centre of the means to that distance where they lie farther."""
    centre = _centre(means)
    off = rows.astype(np.float32) - centre
    lengths = np.linalg.norm(off, axis=1, keepdims=True)
    fractions = np.minimum(1, farthest / np.maximum(lengths, np.finfo(np.float32).tiny))
    return np.asarray(centre + off * fractions, np.float32)


class LearningGallery(Protocol):
    """The part of a gallery that keeps what is learned from queries."""

    @property
    def name(self) -> str: ...

    def learn(self, vectors: FloatArray) -> None: ...


class QueryLearner:
    """Collects the vectors of queries that show a product, and hands them to the gallery rarely.

    A folder that cannot be written ends it, with one warning: queries go on.
    """

    def __init__(self, gallery: LearningGallery) -> None:
        self._gallery = gallery
        self._guard = threading.Lock()
        self._waiting: list[FloatArray] = []
        self._is_over = False

    def learn(self, query: Description) -> None:
        quality = query.quality
        if quality.no_product or quality.untrusted or quality.several_objects:
            return
        with self._guard:
            self._waiting.append(query.embedding.vector)
            full = len(self._waiting) >= KEPT_AFTER
        if full:
            self.keep()

    def keep(self) -> None:
        """Now, what was not kept yet."""
        with self._guard:
            waiting, self._waiting = self._waiting, []
            if not waiting or self._is_over:
                return
            try:
                self._gallery.learn(np.stack(waiting))
            except OSError as error:
                self._is_over = True
                why = error.strerror or error
                log.warning("%s: nothing is learned from queries (%s)", self._gallery.name, why)

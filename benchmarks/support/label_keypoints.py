"""Keypoints of made-up labels: 170 an image, 600 a query, of drawn descriptors, which lie about the
shipped words as those of photos do: a few words have most of them."""

from __future__ import annotations

import numpy as np

from engine.keypoints import Keypoints
from engine.types import FloatArray
from stages.keypoints._vocabulary import shipped_vocabulary
from stages.keypoints.sift import Options
from support.images import VIEWS

SHARED, SHOWN = 100, 80  # keypoints of a label, and those of it that a query shows
ASKED, STORED = Options().most, Options().stored
FREQUENT = 0.7  # exponent of the frequency of words by their rank, after Zipf
APART = 12.0  # deviation of a number of a descriptor from its word's
SAME = 5.0  # and of one descriptor seen twice


class LabelKeypoints:
    """Keypoints of products' labels, drawn by the product."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        vocabulary = shipped_vocabulary()
        self._halves = (vocabulary.first, vocabulary.second)
        ranks = np.arange(1, len(vocabulary.first) + 1)
        self._frequencies = ranks**-FREQUENT / np.sum(ranks**-FREQUENT)

    def of_row(self, row: int) -> Keypoints:
        random = np.random.default_rng((self._seed, row))
        return self._seen(row // VIEWS, SHARED, STORED, 0.1 * (row % VIEWS), random)

    def asked(self, product: int, number: int) -> Keypoints:
        random = np.random.default_rng((self._seed, product, number, 1))
        return self._seen(product, SHOWN, ASKED, 0.3, random)

    def _seen(
        self, product: int, shared: int, count: int, turn: float, random: np.random.Generator
    ) -> Keypoints:
        """``count`` keypoints, the first ``shared`` those of the product's label, turned."""
        own = np.random.default_rng((self._seed, product, 0, 0, 0))
        label, places = self._drawn(SHARED, own), own.uniform(0.2, 0.8, (SHARED, 2))
        rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        geometry = np.empty((count, 4), np.float32)
        geometry[:, :2] = random.uniform(0, 1, (count, 2))
        geometry[:shared, :2] = 0.5 + 0.8 * (places[:shared] - 0.5) @ rotation.T
        geometry[:, 2] = 0.02 * 2 ** random.uniform(-2, 2, count)
        geometry[:shared, 2] = 0.02
        geometry[:, 3] = random.uniform(0, 2 * np.pi, count)
        geometry[:shared, 3] = turn
        rows = self._drawn(count, random)
        rows[:shared] = label[:shared] + SAME * random.standard_normal((shared, label.shape[1]))
        descriptors = np.rint(np.clip(rows, -127, 127)).astype(np.int8)
        return Keypoints(geometry, descriptors).rounded()

    def _drawn(self, count: int, random: np.random.Generator) -> FloatArray:
        """(count, D)."""
        size = len(self._frequencies)
        parts = [
            half[random.choice(size, count, p=self._frequencies)]
            + APART * random.standard_normal((count, half.shape[1]), np.float32)
            for half in self._halves
        ]
        return np.concatenate(parts, axis=1).astype(np.float32)

"""What the model is fed: cutouts as bytes, or the features that a frozen backbone made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engine.types import FloatArray, IntArray, UInt8Array
from offline.store.cutouts import Cutouts
from offline.train.classifier.augmentation import augmented
from offline.train.classifier.recipe import Augmentation
from offline.train.training_set import Sample, labels_of


@dataclass(frozen=True)
class CutoutSource:
    """(n, side, side, 3) float32 in 0..255, augmented where a generator is given."""

    pixels: UInt8Array  # (M, S, S, 3), mapped
    rows: IntArray  # (N,) positions in pixels
    labels: IntArray  # (N,)
    side: int
    augmentation: Augmentation

    def batch(self, positions: IntArray, random: np.random.Generator | None) -> FloatArray:
        chosen = resized(np.asarray(self.pixels[self.rows[positions]]), self.side)
        if random is not None:
            chosen = augmented(chosen, self.augmentation, random)
        return chosen.astype(np.float32)


@dataclass(frozen=True)
class FeatureSource:
    """(n, D) float32, a random one of each image's V views; the plain one without a generator."""

    features: FloatArray  # (N, V, D); view 0 is plain
    labels: IntArray  # (N,)

    def batch(self, positions: IntArray, random: np.random.Generator | None) -> FloatArray:
        views = self.features.shape[1]
        chosen = (
            np.zeros(len(positions), np.int64)
            if random is None
            else random.integers(views, size=len(positions))
        )
        return np.asarray(self.features[positions, chosen], np.float32)


def cutout_source(
    cutouts: Cutouts, samples: Sequence[Sample], side: int, augmentation: Augmentation
) -> CutoutSource:
    return CutoutSource(
        cutouts.pixels,
        np.array(cutouts.positions(samples), np.int64),
        labels_of(samples),
        side,
        augmentation,
    )


def resized(pixels: UInt8Array, side: int) -> UInt8Array:
    """(N, S, S, 3) to (N, side, side, 3), as serving resizes: areas averaged when it shrinks."""
    if pixels.shape[1] == side:
        return pixels
    way = cv2.INTER_AREA if side < pixels.shape[1] else cv2.INTER_LINEAR
    return np.stack(
        [cv2.resize(image, (side, side), interpolation=way) for image in pixels]
    ).astype(np.uint8)


def class_weights(labels: IntArray, classes: int) -> FloatArray:
    """(C,) N / (C * N_c): every category weighs the same in the loss, whatever its images."""
    counts = np.maximum(np.bincount(labels, minlength=classes), 1)
    return np.asarray(len(labels) / (classes * counts), np.float32)

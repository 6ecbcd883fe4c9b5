"""Positives where nothing is labelled: images that look alike and have the same contour.

Two augmentations of one image match by construction. Two images are a positive pair
where each is the other's most similar image among those whose contours overlap enough; other
candidates are ignored: neither a positive nor a negative pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.contours import aligned_contour, ious
from engine.types import Contour, FloatArray, IntArray, Matte, UInt8Array

NEIGHBOURS = 10  # images looked at: chosen, not measured


@dataclass(frozen=True)
class Agreement:
    """``labels`` (N,): the same for positives. ``doubts``: for every image those that
    may match it, ascending; if a is in doubt of b, b is of a."""

    labels: IntArray
    doubts: tuple[IntArray, ...]

    @property
    def pairs(self) -> int:
        return len(self.labels) - len(np.unique(self.labels))


def aligned_contours(alphas: UInt8Array) -> list[Contour]:
    """(N, S, S), 255 = product -> silhouettes without their place and size."""
    return [aligned_contour(Matte(np.asarray(a, np.float32) / np.float32(255))) for a in alphas]


def agreement(
    features: FloatArray, contours: Sequence[Contour], least: float, neighbours: int = NEIGHBOURS
) -> Agreement:
    """``features`` (N, C), rows of length 1; ``least``: the contour IoU from which two agree."""
    agreeing = [_agreeing(at, features, contours, least, neighbours) for at in range(len(features))]
    best = [int(found[0]) if len(found) else -1 for found in agreeing]
    labels = np.arange(len(features))
    for at, other in enumerate(best):
        if at < other and best[other] == at:
            labels[other] = at
    doubts: list[set[int]] = [set() for _ in agreeing]
    for at, found in enumerate(agreeing):
        for other in found.tolist():
            if labels[at] != labels[other]:
                doubts[at].add(other)
                doubts[other].add(at)
    compact = np.unique(labels, return_inverse=True)[1].astype(np.int64)
    return Agreement(compact, tuple(np.array(sorted(found), np.int64) for found in doubts))


def _agreeing(
    at: int, features: FloatArray, contours: Sequence[Contour], least: float, neighbours: int
) -> IntArray:
    """Most similar first; ties go to the first."""
    similar = features @ features[at]
    similar[at] = -np.inf
    near = np.argsort(-similar, kind="stable")[: min(neighbours, len(features) - 1)]
    overlaps = ious(contours[at], [contours[other] for other in near.tolist()])
    return np.asarray(near[overlaps >= least], np.int64)

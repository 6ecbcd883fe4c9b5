"""A person's marks on an image to a mask: a box, strokes that keep and strokes that remove.

Rother, Kolmogorov, Blake: "GrabCut", SIGGRAPH 2004, with the marks as its hard constraints. What
they cost and gain is in docs/review.md, measured by benchmarks/mask_repair.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from engine.types import BoolArray, UInt8Array
from stages.segment._mask import smooth

SIDE = 256  # pixels; masks at 384 are no better and cost twice the time
ITERATIONS = 5  # from a box; two lose 0.01 IoU
MEND_RADIUS = 1
CRUMB = 0.002  # fraction of the image: a smaller piece, or hole, is noise of the cut
_UNSEEN = (0, 0, 1, 1)  # OpenCV reads no rectangle beside a mask

Point = tuple[float, float]


@dataclass(frozen=True)
class Stroke:
    """Points x, y and a width, in fractions of the image's width, height and longer side.
    ``remove``: of the product, else kept in it; ``filled``: the polygon of the points."""

    points: tuple[Point, ...]
    width: float = 0.0
    remove: bool = False
    filled: bool = False


@dataclass(frozen=True)
class Marks:
    """``box``: x1, y1, x2, y2 in fractions of the image; nothing outside is product. Of two
    strokes in one place the later counts."""

    box: tuple[float, float, float, float] | None = None
    strokes: Sequence[Stroke] = ()


def reduced(pixels: UInt8Array, side: int = SIDE) -> UInt8Array:
    """(h, w, 3) with a longer side of at most ``side``."""
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1.0:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def repaired(pixels: UInt8Array, marks: Marks, start: BoolArray | None = None) -> BoolArray:
    """(h, w) mask of a reduced image (h, w, 3); ``start``, of that size: a mask that is nearly
    correct. Without it the inside of the box, or of the image, is probably product.

    Deterministic. What strokes keep or remove is so in the result.
    """
    height, width = pixels.shape[:2]
    drawn = _drawn(height, width, marks.strokes)
    seeds = _seeds(height, width, marks, start)
    fixed = drawn != _UNDRAWN
    seeds[fixed] = np.where(drawn[fixed] == _KEPT, cv2.GC_FGD, cv2.GC_BGD)
    cut = _cut(pixels, seeds)
    cut[fixed] = drawn[fixed] == _KEPT
    return cut


_UNDRAWN, _KEPT, _REMOVED = 0, 1, 2


def _drawn(height: int, width: int, strokes: Sequence[Stroke]) -> UInt8Array:
    """(h, w): what the last stroke over each pixel does with it."""
    drawn = np.zeros((height, width), np.uint8)
    fixed_point = 4  # OpenCV takes bits below a pixel, whose centre is at .5
    scale = np.array([width, height], np.float64)
    for stroke in strokes:
        value = _REMOVED if stroke.remove else _KEPT
        # Drawn strokes may leave the image; far outside OpenCV's numbers overflow.
        points = np.clip(np.array(stroke.points, np.float64), -1.0, 2.0) * scale - 0.5
        path = np.round(points * 2**fixed_point).astype(np.int32).reshape(-1, 1, 2)
        if stroke.filled:
            cv2.fillPoly(drawn, [path], value, shift=fixed_point)
            continue
        thick = max(1, min(round(stroke.width * max(height, width)), max(height, width)))
        cv2.polylines(drawn, [path], False, value, thick, shift=fixed_point)
        if thick > 2:  # OpenCV ends thick lines flat where they have one point
            x, y = path[0, 0].tolist()
            cv2.circle(drawn, (x, y), (thick << fixed_point) // 2, value, -1, shift=fixed_point)
    return drawn


def _seeds(height: int, width: int, marks: Marks, start: BoolArray | None) -> UInt8Array:
    seeds = np.full((height, width), cv2.GC_PR_FGD, np.uint8)
    if start is not None:
        seeds[~start] = cv2.GC_PR_BGD
    if marks.box is not None:
        x1, y1, x2, y2 = marks.box
        inside = np.zeros((height, width), np.bool_)
        left, top = int(np.floor(x1 * width)), int(np.floor(y1 * height))
        right, bottom = int(np.ceil(x2 * width)), int(np.ceil(y2 * height))
        inside[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)] = True
        seeds[~inside] = cv2.GC_BGD
    return seeds


def _cut(pixels: UInt8Array, seeds: UInt8Array) -> BoolArray:
    """Seeds of one kind are the mask already."""
    product = np.isin(seeds, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if product.all() or not product.any():
        return product
    cut = seeds.copy()
    models = np.zeros((1, 65)), np.zeros((1, 65))  # 5 Gaussians of 13 numbers each
    cv2.setRNGSeed(0)  # of this thread: its k-means starts at random
    cv2.grabCut(pixels, cut, _UNSEEN, *models, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    found = smooth(np.isin(cut, (cv2.GC_FGD, cv2.GC_PR_FGD)), MEND_RADIUS)
    least = CRUMB * found.size
    return ~_without_small(~_without_small(found, least), least)


def _without_small(mask: BoolArray, least: float) -> BoolArray:
    """Less the 8-connected pieces of fewer than ``least`` pixels."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.view(np.uint8), connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= least
    kept[0] = False
    return np.asarray(kept[labels], np.bool_)

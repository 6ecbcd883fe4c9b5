"""Contours: from a matte to packed bits, and the IoU of two of them.

Reranking the nearest neighbours by the overlap of contours follows the packaging paper behind
this project; alignment removes position and size, for photos that were not taken in a studio.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from engine.halving import half
from engine.types import (
    CONTOUR_SIDE,
    BoolArray,
    Box,
    Contour,
    FloatArray,
    Matte,
    UInt8Array,
    once,
)

THRESHOLD = 0.5

# Empty cells around an aligned contour, as a fraction of the side: its boundary stays inside.
MARGIN_FRACTION = 1 / 16

# Pieces below this fraction of the largest are crumbs of the segmentation; one of them in a corner
# would change the box that the contour is aligned by.
CRUMB_FRACTION = 0.05

# Pieces are searched in a mask that is halved until it has at most this side: in a phone's
# full-size mask that took 6 ms, twice a query.
_WORKING_SIDE = 512


def frame_contour(matte: Matte, side: int = CONTOUR_SIDE) -> Contour:
    """The mask in the image frame, as in the paper: the frame centred on a square, then resized."""
    return Contour.from_mask(_fitted(_coverage(matte), side, side))


def aligned_contour(matte: Matte, side: int = CONTOUR_SIDE) -> Contour:
    """The mask without its position and size: its box centred, aspect kept, longer side fixed.

    The longer side covers ``side`` less twice the margin, whatever it was in the image. Crumbs
    do not count for the box; those inside it stay.
    """
    box = product_box(matte)
    if box is None:
        return Contour.from_mask(np.zeros((side, side), np.bool_))
    x1, y1, x2, y2 = box
    # The box may be a few pixels too wide; the mask inside it is exact.
    part = _full(matte.alpha[y1:y2, x1:x2])
    x1, y1, x2, y2 = _box(part) or (0, 0, x2 - x1, y2 - y1)
    return Contour.from_mask(
        _fitted(part[y1:y2, x1:x2], side, side - 2 * round(side * MARGIN_FRACTION))
    )


@once
def product_box(matte: Matte) -> Box | None:
    """The box around the mask in pixels, crumbs left out; None where nothing reaches the threshold.

    Of mattes longer than 512 px it is that of the mask halved to at most 512, rounded outwards.
    """
    mask = (_coverage(matte) >= 128).view(np.uint8)
    box = _box(_without_crumbs(mask))
    if box is None or mask.shape == matte.alpha.shape:
        return box
    height, width = matte.alpha.shape
    down, across = height / mask.shape[0], width / mask.shape[1]
    return (
        math.floor(box[0] * across),
        math.floor(box[1] * down),
        min(width, math.ceil(box[2] * across)),
        min(height, math.ceil(box[3] * down)),
    )


def widened(box: Box, margin: float, width: int, height: int) -> Box:
    """The box with ``margin`` times its longer side around it, within a frame of this size."""
    x1, y1, x2, y2 = box
    extra = round(margin * max(x2 - x1, y2 - y1))
    return max(0, x1 - extra), max(0, y1 - extra), min(width, x2 + extra), min(height, y2 + extra)


def iou(one: Contour, other: Contour) -> float:
    """Intersection over union in [0, 1]; an empty contour matches nothing, not even another.

    Raises ValueError for contours of different sides.
    """
    return float(ious(one, [other])[0])


def ious(query: Contour, others: Sequence[Contour]) -> npt.NDArray[np.float64]:
    """(N,) float64, aligned with ``others``; see ``iou``."""
    sides = {other.side for other in others} - {query.side}
    if sides:
        raise ValueError(f"contours of side {query.side} and {sides} cannot be compared")
    if not others:
        return np.zeros(0, np.float64)
    # Joined as bytes, which takes a third of the time of ``np.stack``.
    rows: list[Any] = [other.packed for other in others]
    packed = np.frombuffer(b"".join(rows), np.uint8)
    areas = np.array([other.area for other in others], np.int64)
    return packed_ious(query, packed.reshape(len(others), -1), areas)


def packed_ious(
    query: Contour, packed: UInt8Array, areas: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """As ``ious`` of contours in rows: ``packed`` (N, side * side / 8) uint8, C-contiguous, with
    ``areas`` (N,) int64 in cells.

    Of two masks of a and b cells that differ in d, (a + b - d) / 2 cells are in both and
    (a + b + d) / 2 in one at least. FAISS counts d in one pass over the rows, nearly as fast as
    they can be read: an eighth of the time of AND and popcount by NumPy, which are two passes
    (benchmarks/contours.py). Raises ValueError for rows of another length.
    """
    import faiss

    if packed.shape[1:] != query.packed.shape or not packed.flags.c_contiguous:
        raise ValueError(f"contours of {query.packed.size} bytes in rows, not {packed.shape}")
    differ = np.empty(len(packed), np.int32)
    one, rows, out = (faiss.swig_ptr(array) for array in (query.packed, packed, differ))
    faiss.hammings(one, rows, 1, len(packed), query.packed.size, out)  # type: ignore[attr-defined]
    union = (query.area + areas).astype(np.float64)  # twice each of them
    overlaps: npt.NDArray[np.float64] = union - differ
    union += differ
    # Two empty masks overlap in 0 of 0 cells. To divide by 1 takes a third of leaving them out.
    overlaps /= np.maximum(union, 1, out=union)
    return overlaps


def boundary(contour: Contour) -> list[FloatArray]:
    """Closed polylines around every piece and every hole, for drawing.

    Each is (M, 2) float32, x and y in [0, 1] of the contour's frame, running through the
    outermost cells' centres.
    """
    mask = contour.mask().view(np.uint8)
    lines, _ = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    return [((line[:, 0] + 0.5) / contour.side).astype(np.float32) for line in lines]


@once
def _coverage(matte: Matte) -> UInt8Array:
    """(h, w), h and w at most ``_WORKING_SIDE``: how much of a cell is mask, 255 for all of it."""
    mask = _full(matte.alpha)
    while max(mask.shape) > _WORKING_SIDE:
        mask = half(mask)
    return mask


def _full(alpha: FloatArray) -> UInt8Array:
    """255 in the mask, else 0."""
    mask = (alpha >= THRESHOLD).view(np.uint8)
    mask *= np.uint8(255)
    return mask


def _without_crumbs(mask: UInt8Array) -> UInt8Array:
    _, hierarchy = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    # Holes have a parent, pieces have none. Most masks are one; to label all pixels takes long.
    if hierarchy is None or np.count_nonzero(hierarchy[0, :, 3] < 0) <= 1:
        return mask
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    areas = stats[:, cv2.CC_STAT_AREA].copy()
    areas[0] = 0
    kept = areas >= CRUMB_FRACTION * areas.max()
    kept[0] = False
    without: UInt8Array = kept[labels].view(np.uint8)
    return without


def _box(mask: UInt8Array) -> Box | None:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not rows.size:
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _fitted(mask: UInt8Array, side: int, longest: int) -> BoolArray:
    """(side, side) of (h, w) in [0, 255]: centred, the longer side brought to ``longest`` cells."""
    height, width = mask.shape
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    resized = cv2.resize(mask, size, interpolation=method)
    square = np.zeros((side, side), np.bool_)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = resized >= 128
    return square

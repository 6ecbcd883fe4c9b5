"""Whether the picture has an edge where the mask has one."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, FloatArray

# A CIE76 difference of 10 is seen at a glance; what differs less on both sides of the mask's
# edge is texture, shadow or noise.
WEAK_DIFFERENCE = 10.0


def edge_contrast(lab: FloatArray, mask: BoolArray, width: float) -> tuple[float, float]:
    """(median colour difference / 100, share of the edge where it is weak).

    At every pixel of the mask's edge the mean colour (h, w, 3 CIE L*a*b*) of the mask's pixels
    nearby is held against that of the others nearby (CIE76, Euclidean); nearby is a square that
    reaches ``width`` pixels, at least 1. The frame is no edge. (0, 1) where the mask has none.
    """
    reach = 2 * max(1, round(width)) + 1
    difference = np.linalg.norm(
        _mean_near(lab, mask, reach) - _mean_near(lab, ~mask, reach), axis=2
    )
    found = difference[_edge(mask)]
    if not found.size:
        return 0.0, 1.0
    return float(np.median(found)) / 100, float(np.mean(found < WEAK_DIFFERENCE))


def _edge(mask: BoolArray) -> BoolArray:
    """Pixels of the mask with a 4-neighbour in the frame that is outside of it."""
    padded = np.pad(mask, 1, mode="edge")
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    return np.asarray(mask & ~(up & down & left & right), np.bool_)


def _mean_near(lab: FloatArray, where: BoolArray, reach: int) -> FloatArray:
    """(h, w, 3): the mean of the chosen pixels in the square of side ``reach`` around each."""
    weight = where.astype(np.float32)
    size = (reach, reach)
    border = cv2.BORDER_CONSTANT
    total = cv2.boxFilter(lab * weight[:, :, None], -1, size, normalize=False, borderType=border)
    count = cv2.boxFilter(weight, -1, size, normalize=False, borderType=border)
    return np.asarray(total / np.maximum(count, 1e-6)[:, :, None], np.float32)

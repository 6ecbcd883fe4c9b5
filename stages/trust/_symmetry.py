"""How mirror-symmetric a silhouette is: nearly every package is, nearly no wrong mask."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray

# Besides the principal axes, which are not defined for squares and circles. A set that quarter
# turns and mirror images map onto itself.
FIXED_AXES = np.deg2rad([0.0, 45.0, 90.0, 135.0])


def symmetry(mask: BoolArray) -> float:
    """The best IoU of a mask, (H, W) and not empty, with its mirror image about a line through
    its centroid; of the principal axes of its second moments and four fixed ones."""
    rows, columns = np.nonzero(mask)
    centre = np.array([columns.mean(), rows.mean()])
    moments = np.cov(np.stack([columns, rows]), bias=True)
    _, axes = np.linalg.eigh(moments)
    fixed = np.stack([np.cos(FIXED_AXES), np.sin(FIXED_AXES)])
    return max(_overlap(mask, centre, axis) for axis in np.column_stack([axes, fixed]).T)


def _overlap(
    mask: BoolArray, centre: npt.NDArray[np.float64], axis: npt.NDArray[np.float64]
) -> float:
    """``centre`` is x, y in pixels, ``axis`` a unit vector."""
    turn = 2 * np.outer(axis, axis) - np.eye(2)
    map_ = np.column_stack([turn, centre - turn @ centre])
    size = (mask.shape[1], mask.shape[0])
    mirrored = cv2.warpAffine(mask.astype(np.float32), map_, size) >= 0.5
    return float((mirrored & mask).sum() / (mirrored | mask).sum())

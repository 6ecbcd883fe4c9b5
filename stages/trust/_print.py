"""How much of an image's print lies in the box of a mask.

A mask of the cap or the hand alone leaves the print outside of its box. Print is where corners are:
keypoints cost a detection of their own here, since those of the describing chain are looked for
after the trust and only within the box that it leaves.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, FloatArray

NEAR = 3  # px, the side of the square over which gradients are summed


def print_in_box(lightness: FloatArray, mask: BoolArray) -> tuple[float, float]:
    """(fraction of the corners' strength in the box of the mask, the box's fraction of the frame);
    both the latter where the image, (H, W) of CIE L*, has no corners. ``mask`` is not empty.

    A corner's strength is the lesser eigenvalue of the second moments of the gradients around it
    (Shi, Tomasi: Good Features to Track, CVPR 1994). SIFT keypoints at 480 px in its place give
    trusts of the same AUROC, 0.843, of 360 judged masks by GrabCut; these take 0.2 ms.
    """
    strength = np.maximum(cv2.cornerMinEigenVal(np.ascontiguousarray(lightness), NEAR), 0)
    rows, columns = np.nonzero(mask)
    box = slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1)
    frame = float(mask[box].size / mask.size)
    total = float(strength.sum(dtype=np.float64))
    inside = float(strength[box].sum(dtype=np.float64))
    return (inside / total if total > 0 else frame), frame

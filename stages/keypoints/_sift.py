"""SIFT by OpenCV: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004.
RootSIFT: Arandjelovic and Zisserman, "Three things everyone should know to improve object
retrieval", CVPR 2012.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.types import Float64Array, FloatArray, UInt8Array


def detected(
    detector: Any, grey: UInt8Array, where: UInt8Array | None, width: int
) -> tuple[Float64Array, FloatArray]:
    """Keypoints of OpenCV, (K, 5) of x, y, size, angle in degrees and response, and (K, width)
    descriptors, the strongest first, ties by place, size and direction: in one order whatever the
    threads."""
    keypoints, features = detector.detectAndCompute(grey, where)
    if features is None:
        return np.empty((0, 5)), np.empty((0, width), np.float32)
    rows = [(*one.pt, one.size, one.angle, one.response) for one in keypoints]
    found = np.array(rows, np.float64)
    x, y, size, angle, response = found.T
    order = np.lexsort((angle, size, x, y, -response))
    return found[order], features[order]


def rooted(features: FloatArray) -> FloatArray:
    """SIFT to RootSIFT: rows of length 1."""
    # L1 first, so that the root of it has Euclidean length 1.
    sums = features.sum(axis=1, keepdims=True)
    return np.sqrt(features / np.where(sums > 0, sums, 1)).astype(np.float32)

"""SIFT by OpenCV: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004.
RootSIFT: Arandjelovic and Zisserman, "Three things everyone should know to improve object
retrieval", CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.types import FloatArray, UInt8Array


def detected(
    detector: Any, grey: UInt8Array, where: UInt8Array | None, width: int
) -> tuple[list[Any], FloatArray]:
    """Keypoints of OpenCV and (K, width) descriptors, the strongest first, ties by place, size and
    direction: in one order whatever the threads."""
    keypoints, features = detector.detectAndCompute(grey, where)
    if features is None:
        return [], np.empty((0, width), np.float32)
    order = _strongest(keypoints)
    return [keypoints[at] for at in order], features[order]


def rooted(features: FloatArray) -> FloatArray:
    """SIFT to RootSIFT: rows of length 1."""
    # L1 first, so that the root of it has Euclidean length 1.
    sums = features.sum(axis=1, keepdims=True)
    return np.sqrt(features / np.where(sums > 0, sums, 1)).astype(np.float32)


def _strongest(keypoints: Sequence[Any]) -> list[int]:
    def key(at: int) -> tuple[float, ...]:
        point = keypoints[at]
        return -point.response, point.pt[1], point.pt[0], point.size, point.angle

    return sorted(range(len(keypoints)), key=key)

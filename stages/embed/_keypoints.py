"""Local features of a cutout: the keypoints of SIFT or ORB and their descriptors.

SIFT: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; RootSIFT:
Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR
2012. ORB: Rublee, Rabaud, Konolige, Bradski, "ORB: an efficient alternative to SIFT or SURF",
ICCV 2011. Both are OpenCV's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np

from engine.types import Cutout, FloatArray, UInt8Array

Detector = Literal["sift", "orb"]
SIZES: dict[Detector, int] = {"sift": 128, "orb": 256}  # values of a descriptor

# ORB describes patches of 31 pixels and skips keypoints nearer to the border than that. A
# cutout's product reaches to within a few pixels of it, so the border is replicated first.
ORB_BORDER = 31


@dataclass(frozen=True)
class FeatureSpec:
    """The settings of local features: a codebook holds those that it was trained with.

    ``root``: RootSIFT; without effect on ORB. ``max_features``: the strongest of an image.
    ``masked``: only on the product, or everywhere where the matte is empty.
    """

    detector: Detector = "sift"
    root: bool = True
    max_features: int = 500
    masked: bool = True

    @property
    def size(self) -> int:
        return SIZES[self.detector]

    @property
    def rooted(self) -> bool:
        return self.root and self.detector == "sift"


def local_features(cutout: Cutout, spec: FeatureSpec) -> FloatArray:
    """(M, size) float32, M at most ``max_features``, 0 for an image without a keypoint.

    In one order whatever the threads. SIFT's rows have length 1; ORB's 256 bits are 0 or 1, so
    that their squared Euclidean distance is the Hamming distance.
    """
    grey = np.asarray(cv2.cvtColor(cutout.pixels, cv2.COLOR_RGB2GRAY), np.uint8)
    where = _where(cutout, masked=spec.masked)
    features = _sift(grey, where, spec) if spec.detector == "sift" else _orb(grey, where, spec)
    return features[: spec.max_features]


def _where(cutout: Cutout, *, masked: bool) -> UInt8Array:
    """(S, S), 255 where features may lie."""
    product = cutout.alpha > 0.5
    if not masked or not product.any():
        product = np.ones_like(product)
    return np.where(product, 255, 0).astype(np.uint8)


def _sift(grey: UInt8Array, where: UInt8Array, spec: FeatureSpec) -> FloatArray:
    keypoints, features = _detected(cv2.SIFT.create(0), grey, where, spec.size)
    # L1 first, so that the root of it has Euclidean length 1.
    order = 1 if spec.rooted else 2
    lengths = np.linalg.norm(features, ord=order, axis=1, keepdims=True)
    unit = (features / np.where(lengths > 0, lengths, 1)).astype(np.float32)
    unit = np.sqrt(unit) if spec.rooted else unit
    # OpenCV keeps the strongest before it applies the mask; here the mask comes first.
    return unit[_strongest(keypoints)]


def _orb(grey: UInt8Array, where: UInt8Array, spec: FeatureSpec) -> FloatArray:
    framed = np.pad(grey, ORB_BORDER, mode="edge")
    inside = np.pad(where, ORB_BORDER)
    orb = cv2.ORB.create(spec.max_features)
    keypoints, packed = _detected(orb, framed, inside, spec.size // 8)
    bits = np.unpackbits(packed.astype(np.uint8), axis=1).astype(np.float32)
    return bits[_strongest(keypoints)]


def _detected(
    detector: Any, grey: UInt8Array, where: UInt8Array, width: int
) -> tuple[Sequence[Any], FloatArray]:
    keypoints, features = detector.detectAndCompute(grey, where)
    if features is None:
        return [], np.empty((0, width), np.float32)
    return keypoints, features


def _strongest(keypoints: Sequence[Any]) -> list[int]:
    """Positions, the strongest response first; ties by place, size and direction."""

    def key(at: int) -> tuple[float, ...]:
        point = keypoints[at]
        return -point.response, point.pt[1], point.pt[0], point.size, point.angle

    return sorted(range(len(keypoints)), key=key)

"""Local features of a cutout: the keypoints of SIFT or ORB and their descriptors.

SIFT: Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; RootSIFT:
Arandjelovic and Zisserman, "Three things everyone should know to improve object retrieval", CVPR
2012. ORB: Rublee, Rabaud, Konolige, Bradski, "ORB: an efficient alternative to SIFT or SURF",
ICCV 2011. Both are OpenCV's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from engine.distances import unit_or_zero
from engine.types import Cutout, FloatArray, UInt8Array
from stages.keypoints._sift import detected, rooted

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
    # OpenCV keeps the strongest before it applies the mask; here the mask comes first.
    _, features = detected(cv2.SIFT.create(0), grey, where, spec.size)
    return rooted(features) if spec.root else unit_or_zero(features)


def _orb(grey: UInt8Array, where: UInt8Array, spec: FeatureSpec) -> FloatArray:
    framed = np.pad(grey, ORB_BORDER, mode="edge")
    inside = np.pad(where, ORB_BORDER)
    orb = cv2.ORB.create(spec.max_features)
    _, packed = detected(orb, framed, inside, spec.size // 8)
    return np.unpackbits(packed.astype(np.uint8), axis=1).astype(np.float32)

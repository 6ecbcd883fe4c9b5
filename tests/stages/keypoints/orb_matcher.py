"""Another matcher, as a file of stages/keypoints is one: ORB, compared by Hamming distance.

Rublee, Rabaud, Konolige, Bradski, "ORB: An Efficient Alternative to SIFT or SURF", ICCV 2011.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import cv2
import numpy as np

from engine.keypoints import Keypoints, TentativeMatch
from engine.types import IntArray, Matte, RGBImage
from stages.context import BuildContext
from stages.keypoints._geometry import tentative_match
from stages.options import StageOptions


class Options(StageOptions):
    most: int = 300
    stored: int = 120
    checked: int = 20
    least: int = 8
    weight: float = 1.0
    answering: ClassVar[frozenset[str]] = frozenset({"checked", "least", "weight"})


class Bits:
    """Words are 16 bits of a descriptor; those of one other bit are its neighbours."""

    identity, size = "16 bits of ORB", 2**16

    def words(self, keypoints: Keypoints, nearest: int = 1) -> IntArray:
        own = _bits(keypoints)[:, :2].astype(np.int64) @ np.array((1, 256))
        flipped = np.array([0, *(1 << bit for bit in range(16))][:nearest], np.int64)
        return own[:, None] ^ flipped


class Orb:
    vocabulary = Bits()

    def __init__(self, options: Options) -> None:
        self._options = options
        self.checked, self.least, self.weight = options.checked, options.least, options.weight

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        return [self._detect(image) for image in images]

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        matcher = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True)
        found = []
        for candidate in candidates:
            matches = matcher.match(_bits(query), _bits(candidate)) if len(candidate) else []
            pairs = np.array([(m.queryIdx, m.trainIdx) for m in matches], np.int64).reshape(-1, 2)
            found.append(tentative_match(query, candidate, pairs, len(pairs)))
        return found

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        return Keypoints.none(32)

    def _detect(self, image: RGBImage) -> Keypoints:
        grey = cv2.cvtColor(image.pixels, cv2.COLOR_RGB2GRAY)
        points, bits = cv2.ORB.create(self._options.most).detectAndCompute(grey, None)
        if bits is None:
            return Keypoints.none(32)
        longer = max(image.width, image.height)
        rows = [
            (p.pt[0] / longer, p.pt[1] / longer, p.size / longer, np.deg2rad(p.angle))
            for p in points
        ]
        geometry = np.array(rows, np.float32)
        return Keypoints(geometry, bits.view(np.int8), self._options.stored).rounded()


def _bits(keypoints: Keypoints) -> np.ndarray:
    return keypoints.descriptors.view(np.uint8)


def build(options: Options, context: BuildContext) -> Orb:
    return Orb(options)

"""Print: SIFT keypoints of the whole image, compared by RootSIFT and one geometric transform.

Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004; as a check of the
first hits: Philbin, Chum, Isard, Sivic, Zisserman, "Object Retrieval with Large Vocabularies and
Fast Spatial Matching", CVPR 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

import cv2
import numpy as np
from pydantic import Field

from engine.contours import product_box, widened
from engine.keypoints import Keypoints, TentativeMatch
from engine.parallel import each, one_blas_thread
from engine.types import Box, FloatArray, Matte, RGBImage
from stages.context import BuildContext
from stages.keypoints._agreement import tentative_matches
from stages.keypoints._projection import Projection, shipped_projection
from stages.keypoints._sift import detected, rooted
from stages.keypoints._vocabulary import HalvesVocabulary, shipped_vocabulary
from stages.options import StageOptions

# Of two keypoints of one contrast, the larger is seen from further away: by contrast alone, the
# small print of a label takes all places that a gallery stores.
FAVOUR = 1.5
# Smooth prints have few keypoints at OpenCV's own contrast of 0.04 and blur of 1.6.
CONTRAST, BLUR = 0.02, 1.3
MARGIN = 0.05  # around a product's box, of its longer side


class Options(StageOptions):
    """``side``: the longer side in pixels at most of the largest scale of the image, or of the
    product's box, that keypoints are looked for in. ``most``: keypoints of a query, the strongest;
    ``stored``: of an image of a gallery, 70 bytes each.

    ``checked``: first hits that are compared by keypoints, 0 for none. A place that matches by
    chance is no evidence: ``least`` of them count nothing, and twice as many as ``least`` raise a
    hit by ``weight``, see ``engine.verification``.
    """

    side: int = Field(480, ge=64)
    most: int = Field(800, ge=1)
    stored: int = Field(170, ge=1)
    checked: int = Field(20, ge=0)
    least: int = Field(5, ge=3)
    weight: float = Field(2.0, ge=0)
    answering: ClassVar[frozenset[str]] = frozenset({"checked", "least", "weight"})


class Sift:
    """Keypoints of images, and what two images' keypoints have in common."""

    def __init__(self, options: Options, projection: Projection, threads: int = 1) -> None:
        self._options = options
        self._projection = projection
        self._threads = threads

    @property
    def checked(self) -> int:
        return self._options.checked

    @property
    def least(self) -> int:
        return self._options.least

    @property
    def weight(self) -> float:
        return self._options.weight

    @property
    def vocabulary(self) -> HalvesVocabulary:
        return shipped_vocabulary()

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        """Within each matte's box, or of the whole image where there is None."""
        pairs = list(zip(images, mattes, strict=True))
        with one_blas_thread():
            return each(lambda pair: self._detect(*pair), pairs, threads=self._threads)

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        """Aligned with the candidates."""
        return tentative_matches(query, candidates, self._projection.mirror, self._options.least)

    def mirrored(self, keypoints: Keypoints) -> Keypoints:
        descriptors = keypoints.descriptors * self._projection.mirror
        return replace(keypoints, descriptors=descriptors.astype(np.int8))

    def _detect(self, image: RGBImage, matte: Matte | None) -> Keypoints:
        geometry, descriptors = detected_in(image, matte, self._options)
        most = self._options.most
        projected = self._projection.project(rooted(descriptors[:most]))
        return Keypoints(geometry[:most].copy(), projected, self._options.stored).rounded()


def detected_in(
    image: RGBImage, matte: Matte | None, options: Options
) -> tuple[FloatArray, FloatArray]:
    """(K, 4) geometry, as of ``Keypoints``, and (K, 128) SIFT descriptors, the strongest first."""
    x1, y1, x2, y2 = _box(image, matte)
    part = image.pixels[y1:y2, x1:x2]
    # OpenCV doubles an image before it looks for keypoints. What it finds in a doubled product of
    # 480 pixels beyond this, smaller than print in a photo is sharp, takes three quarters of the
    # time and tells no product (docs/keypoints.md).
    scale = min(1.0, options.side / 2 / max(part.shape[:2]))
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY)
    if scale < 1:
        size = max(1, round(grey.shape[1] * scale)), max(1, round(grey.shape[0] * scale))
        grey = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    found, descriptors = detected(
        cv2.SIFT.create(0, contrastThreshold=CONTRAST, sigma=BLUR),
        np.asarray(grey, np.uint8),
        None,
        128,
    )
    geometry = np.empty((len(found), 4), np.float32)
    geometry[:, :3] = (found[:, :3] / scale + (x1, y1, 0)) / max(image.width, image.height)
    geometry[:, 3] = np.deg2rad(found[:, 3] % 360)
    strength = found[:, 4] * found[:, 2] ** FAVOUR
    order = np.argsort(-strength, kind="stable")
    return geometry[order], descriptors[order]


def _box(image: RGBImage, matte: Matte | None) -> Box:
    """The product's box with a margin, within the frame."""
    box = None if matte is None else product_box(matte)
    if box is None:
        return 0, 0, image.width, image.height
    return widened(box, MARGIN, image.width, image.height)


def build(options: Options, context: BuildContext) -> Sift:
    projection = shipped_projection()
    context.used["sift_projection"] = projection.identity
    return Sift(options, projection, context.threads)

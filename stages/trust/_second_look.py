"""The segmenter is asked again on the same picture seen otherwise: what is right stays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engine.protocols import Segmenter
from engine.quality import THRESHOLD
from engine.types import FloatArray, Matte, RGBImage

# The second picture is mirrored and has this share of its sides more on each side, so that the
# product is 1 / 1.4 as large. Of a mirror image, a padded picture and a closer crop, each alone
# on 70 to 291 phone photos of Packbench, the padded one told right masks of grabcut best, the
# mirrored one those of u2netp; both at once cost one more look instead of two.
PADDING = 0.2


def agreement(
    segmenter: Segmenter, images: Sequence[RGBImage], mattes: Sequence[Matte]
) -> FloatArray:
    """(N,) IoU at 0.5 of each matte with what the segmenter makes of the second picture.

    0 where both masks are empty: nothing speaks for them. One more call of the segmenter.
    """
    if not images:
        return np.zeros(0, np.float32)
    again = segmenter.segment([seen_otherwise(image) for image in images])
    back = [seen_back(matte, image) for matte, image in zip(again, images, strict=True)]
    return np.array([_iou(m.alpha, b) for m, b in zip(mattes, back, strict=True)], np.float32)


def seen_otherwise(image: RGBImage) -> RGBImage:
    """Mirrored, with a margin that continues the picture as in a mirror."""
    down, across = _margins(image)
    padded = cv2.copyMakeBorder(image.pixels, down, down, across, across, cv2.BORDER_REFLECT_101)
    return RGBImage(np.ascontiguousarray(padded[:, ::-1]), image.uri)


def seen_back(matte: Matte, image: RGBImage) -> FloatArray:
    """(H, W): the matte of ``seen_otherwise(image)`` brought back to the image's own frame."""
    down, across = _margins(image)
    mirrored = matte.alpha[:, ::-1]
    return mirrored[down : down + image.height, across : across + image.width]


def _margins(image: RGBImage) -> tuple[int, int]:
    return round(image.height * PADDING), round(image.width * PADDING)


def _iou(one: FloatArray, other: FloatArray) -> float:
    first, second = one >= THRESHOLD, other >= THRESHOLD
    union = int(np.count_nonzero(first | second))
    return int(np.count_nonzero(first & second)) / union if union else 0.0

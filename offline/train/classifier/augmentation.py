"""Rotation, horizontal flip and zoom of cutouts, as the paper augments.

One warp of each image by OpenCV, drawn from the epoch's generator: Keras' own layers keep their
random state inside the graph, where a resumed run cannot restore it. The background stays white,
as the cutters leave it.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import UInt8Array
from offline.train.classifier.recipe import Augmentation

WHITE = (255.0, 255.0, 255.0)


def augmented(
    pixels: UInt8Array, augmentation: Augmentation, random: np.random.Generator
) -> UInt8Array:
    """(N, S, S, 3) uint8, each image randomly turned, zoomed and mirrored."""
    if not augmentation.changes:
        return pixels
    changed = np.empty_like(pixels)
    for row, image in zip(changed, pixels, strict=True):
        row[...] = cv2.warpAffine(
            image,
            _matrix(image.shape[0], augmentation, random),
            image.shape[1::-1],
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_CONSTANT,
            borderValue=WHITE,
        )
    return changed


def _matrix(
    side: int, augmentation: Augmentation, random: np.random.Generator
) -> npt.NDArray[np.float64]:
    """(2, 3): about the middle. Three draws whatever the options, so that these are independent."""
    angle, zoom, mirror = random.uniform(-1, 1), random.uniform(-1, 1), random.random()
    middle = (side - 1) / 2
    matrix = np.asarray(
        cv2.getRotationMatrix2D(
            (middle, middle), angle * augmentation.rotation, 1 + zoom * augmentation.zoom
        ),
        np.float64,
    )
    if augmentation.flip and mirror < 0.5:
        matrix[:, 0] *= -1
        matrix[:, 2] -= matrix[:, 0] * 2 * middle
    return matrix

"""Take the Monte-Carlo noise out of a render by its noise-free normals and albedo."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

KERNEL = np.array([1, 4, 6, 4, 1], np.float32) / 16  # B3 spline


def denoise(noisy: Image, features: Image, *, passes: int = 4, colour: float = 0.35) -> Image:
    """The edge-avoiding à-trous filter over (H, W, 3) radiance, guided by (H, W, C) features.

    Dammertz, Sewtz, Hanika and Lensch, High Performance Graphics 2010: a B3-spline blur with
    holes that double each pass, each tap weighted by how alike colour and features are. The
    colour's tolerance halves each pass, as in their section 3. Features are expected in [0, 1].
    """
    image = _despeckled(np.log1p(noisy))  # log: highlights must not drown their neighbours
    for level in range(passes):
        image = _pass(image, features, 2**level, colour * 0.5**level)
    return np.expm1(image)


def _despeckled(image: Image) -> Image:
    # A single path that found a lamp through glass: no pixel exceeds all its eight neighbours.
    around = np.ones((3, 3), np.uint8)
    around[1, 1] = 0
    low, high = cv2.erode(image, around), cv2.dilate(image, around)
    return np.clip(image, low, high)


def _pass(image: Image, features: Image, step: int, colour: float) -> Image:
    height, width = image.shape[:2]
    reach = 2 * step
    padded = np.pad(np.dstack([image, features]), ((reach, reach), (reach, reach), (0, 0)), "edge")
    total = np.zeros_like(image)
    weights = np.zeros((height, width, 1), np.float32)
    for i, vertical in enumerate(KERNEL):
        for j, horizontal in enumerate(KERNEL):
            tap = padded[i * step : i * step + height, j * step : j * step + width]
            unlike = np.square(tap[..., :3] - image).sum(-1) / colour**2
            unlike += np.square(tap[..., 3:] - features).sum(-1) / 0.12**2
            weight = (vertical * horizontal * np.exp(-unlike))[..., None]
            total += weight * tap[..., :3]
            weights += weight
    return total / weights

"""Images with known mattes for the matting tests."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import FloatArray, Matte, RGBImage


def disc(height: int, width: int, radius: float | None = None) -> FloatArray:
    """(H, W) alpha of a disc in the middle with an edge one pixel wide."""
    reach = min(height, width) * 0.3 if radius is None else radius
    rows, columns = np.mgrid[0:height, 0:width]
    distance = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2)
    return np.clip(reach - distance + 0.5, 0.0, 1.0).astype(np.float32)


def photo_of(alpha: FloatArray, seed: int = 0) -> RGBImage:
    """Dark product on a light background, by ``alpha``, with a little noise."""
    random = np.random.default_rng(seed)
    product, background = random.uniform(20, 90, 3), random.uniform(170, 240, 3)
    pixels = alpha[..., None] * product + (1 - alpha[..., None]) * background
    pixels = pixels + random.normal(0.0, 2.0, pixels.shape)
    return RGBImage(np.rint(pixels.clip(0, 255)).astype(np.uint8), uri=f"{seed}.png")


def softened(alpha: FloatArray) -> Matte:
    """What a saliency network makes of a matte: blurred."""
    blurred = cv2.GaussianBlur(alpha, (0, 0), 2.0)
    return Matte(np.clip(np.asarray(blurred, np.float32), 0.0, 1.0))

"""A product before another background: cut out by its exact matte, with its shadow if any.

A segmenter that only ever saw a studio learns that a product is what is not white.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import FloatArray, UInt8Array

# Of the image's longer side: how far colours are spread over a product's edge, where the old
# background shines through; and how little a pixel counts that is half background. A red disc with
# a soft edge, taken from white to black, was off by up to 9 of 255 so (1/32 and 1: 35; as it is:
# 56).
SPREAD = 1 / 20
SHARPNESS = 4
# A background is even when this fraction of it is no further from its median colour than this.
EVEN_FRACTION = 0.8
EVEN_WITHIN = 0.12  # of the range of a channel
SMEAR = 1 / 3  # of the longer side: from how far the colours come that hide a product
LARGEST_FROM = 1 / 12  # of the image: a smaller strip beside the product shows too little


def recomposed(pixels: UInt8Array, alpha: FloatArray, background: UInt8Array) -> UInt8Array:
    """(H, W, 3): the product of ``pixels`` before ``background`` (H, W, 3), by its matte (H, W)."""
    product = foreground(pixels, alpha)
    behind = background.astype(np.float32)
    shade = shadow(pixels, alpha)
    if shade is not None:
        behind = behind * shade[..., None]
    share = alpha[..., None]
    return _bytes(share * product + (1.0 - share) * behind)


def foreground(pixels: UInt8Array, alpha: FloatArray) -> FloatArray:
    """(H, W, 3) in 0..255: the product's own colours, also where the background shines through.

    Blur fusion in one pass (Forte, Approximate Fast Foreground Colour Estimation, ICIP 2021):
    means over a window, weighted by what is product and what is background, then corrected so that
    the two give the image again.
    """
    image = pixels.astype(np.float32)
    share = alpha[..., None]
    window = 2 * max(1, round(max(alpha.shape) * SPREAD)) + 1
    near = _weighted_mean(image, alpha**SHARPNESS, window)
    behind = _weighted_mean(image, (1.0 - alpha) ** SHARPNESS, window)
    corrected = near + share * (image - share * near - (1.0 - share) * behind)
    return np.asarray(np.clip(corrected, 0.0, 255.0), np.float32)


def shadow(pixels: UInt8Array, alpha: FloatArray) -> FloatArray | None:
    """(H, W) in [0, 1], 1 = no shadow; None where the background is not even enough to tell one."""
    bare = alpha == 0.0
    if not bare.any():
        return None
    image = pixels.astype(np.float32)
    median = np.maximum(np.median(image[bare], axis=0), 1.0)
    off = np.abs(image[bare] - median).max(axis=1)
    if float((off <= EVEN_WITHIN * 255.0).mean()) < EVEN_FRACTION:
        return None
    darker = np.clip((image / median).min(axis=2), 0.0, 1.0)
    # Under the product's edge the shadow goes on as it is beside it.
    window = 2 * max(1, round(max(alpha.shape) * SPREAD)) + 1
    beside = _weighted_mean(darker[..., None], bare.astype(np.float32), window)[..., 0]
    return np.where(bare, darker, np.where(beside > 0.0, beside, 1.0)).astype(np.float32)


def emptied(pixels: UInt8Array, alpha: FloatArray) -> UInt8Array:
    """(H, W, 3): the photo with its product smeared over by what lies around it, which leaves the
    hand, the shelf and the neighbours to serve as a background."""
    window = 2 * max(1, round(max(alpha.shape) * SMEAR)) + 1
    grown = cv2.dilate(alpha, np.ones((5, 5), np.uint8))
    around = _weighted_mean(pixels.astype(np.float32), np.clip(1.0 - 2.0 * grown, 0.0, 1.0), window)
    share = np.clip(2.0 * grown, 0.0, 1.0)[..., None]
    return _bytes(share * around + (1.0 - share) * pixels)


def bare_strip(pixels: UInt8Array, alpha: FloatArray) -> UInt8Array | None:
    """The largest strip beside the product, at full height or width; None where it is small.

    It serves as a background for others: a whole image would bring a second product along.
    """
    rows = np.flatnonzero(alpha.max(axis=1) > 0.0)
    columns = np.flatnonzero(alpha.max(axis=0) > 0.0)
    if not len(rows):
        return pixels
    strips = (
        pixels[: rows[0]],
        pixels[rows[-1] + 1 :],
        pixels[:, : columns[0]],
        pixels[:, columns[-1] + 1 :],
    )
    largest = max(strips, key=lambda strip: strip.size)
    return largest if largest.size >= LARGEST_FROM * pixels.size else None


def _weighted_mean(values: FloatArray, weights: FloatArray, window: int) -> FloatArray:
    """(H, W, C): the mean of each window by weights (H, W); 0 where it holds no weight."""
    size = (window, window)
    sums = cv2.blur(np.ascontiguousarray(values * weights[..., None]), size)
    total = cv2.blur(np.ascontiguousarray(weights), size)[..., None]
    means = sums.reshape(values.shape) / np.maximum(total, 1e-6)
    return np.asarray(np.where(total > 1e-6, means, 0.0), np.float32)


def _bytes(values: FloatArray) -> UInt8Array:
    return np.rint(np.clip(values, 0.0, 255.0)).astype(np.uint8)

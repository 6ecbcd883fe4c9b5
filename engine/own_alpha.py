"""The mask that an image brings along: its own alpha, where that shows what is product."""

from __future__ import annotations

import cv2
import numpy as np

from engine.quality import PRECISE_EMPTY_FRACTION, THRESHOLD
from engine.types import BoolArray, FloatArray, Matte, RGBImage, UInt8Array

# Alpha from which a pixel is product, glass as faint as a quarter included; less is dust that a
# background remover leaves, and the rim of a shadow.
SEEN = 32

# Half transparent and nearly black: a shadow that was cut out with its product, or smoked glass.
# Glass ends sharply; of a shadow, pixels below SEEN are at least this fraction of those above.
FAINT = 128
SHADOW_LEVEL = 48
SOFT_FRACTION = 0.25

# A clear background takes at least this fraction of the frame.
LEAST_CLEAR = 0.02

# What is clear of a framed photo: a margin and corners up to these fractions of the shorter side.
# Four corners are alike and about as wide as high; the rounded end of a can is much wider, and a
# jar's lid leaves two.
MARGIN_FRACTION = 0.03
CORNER_FRACTION = 0.3
CORNER_ASPECT = 2.0
SPECK_FRACTION = 0.0001

# Level of the grey that a clear background becomes: white and black products both differ from it.
GREY = 128

# By level of alpha: what the matte is in a product, and how much darker white behind it becomes.
_LEVELS = np.arange(256, dtype=np.float32) / np.float32(255)
_MATTE: FloatArray = THRESHOLD + (1 - np.float32(THRESHOLD)) * _LEVELS
_DARKER: UInt8Array = np.rint((255 - GREY) * (1 - _LEVELS)).astype(np.uint8)


def own_matte(image: RGBImage) -> Matte | None:
    """The product by the image's own alpha; None where that does not show one.

    It does not where it is opaque or clear nearly everywhere, nor where only corners or a thin
    margin are clear. Glass counts as product however faint, a soft shadow does not. The matte is
    at least 0.5 in the product and 0 elsewhere.
    """
    if image.alpha is None:
        return None
    product = _product(image.pixels, image.alpha)
    if product.mean() < PRECISE_EMPTY_FRACTION or _clear_outside(product) < LEAST_CLEAR:
        return None
    if _is_framed(product):
        return None
    matte = _MATTE[image.alpha]
    matte[~product] = 0
    return Matte(matte, precise=True)


def on_grey(image: RGBImage) -> RGBImage:
    """An image that was composited on white, composited on grey."""
    if image.alpha is None:
        return image
    darker = cv2.merge([_DARKER[image.alpha]] * 3)
    grey: UInt8Array = np.asarray(cv2.subtract(image.pixels, darker), np.uint8)
    return RGBImage(grey, image.uri, image.original_size, image.alpha)


def _product(pixels: UInt8Array, alpha: UInt8Array) -> BoolArray:
    seen = np.asarray(alpha >= SEEN, np.bool_)
    dark = seen & (alpha < FAINT)
    # colour = (pixel - 255) / a + 255, as the pixels lie on white
    opacity = alpha[dark].astype(np.float32) / np.float32(255)
    lightest = pixels[dark].max(axis=1, initial=0).astype(np.float32)
    dark[dark] = lightest - 255 <= (SHADOW_LEVEL - 255) * opacity + 2
    fading = np.count_nonzero((alpha > 2) & ~seen)
    if not dark.any() or fading < SOFT_FRACTION * np.count_nonzero(dark):
        return seen
    rest = seen & ~dark
    return rest if rest.mean() >= PRECISE_EMPTY_FRACTION else seen


def _clear_outside(product: BoolArray) -> float:
    """Fraction of the frame that is clear and reaches its border."""
    count, labels = cv2.connectedComponents((~product).view(np.uint8), connectivity=8)
    outside = np.zeros(count, np.bool_)
    for line in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        outside[line] = True
    outside[0] = False  # the product
    return float(outside[labels].mean())


def _is_framed(product: BoolArray) -> bool:
    """Whether only a thin margin and four corners are clear."""
    height, width = product.shape
    shorter = min(height, width)
    rows, columns = np.flatnonzero(product.any(1)), np.flatnonzero(product.any(0))
    y1, y2, x1, x2 = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    if max(x1, y1, width - x2, height - y2) > MARGIN_FRACTION * shorter:
        return False
    clear = np.ascontiguousarray(~product[y1:y2, x1:x2])
    height, width = clear.shape
    count, _, stats, _ = cv2.connectedComponentsWithStats(clear.view(np.uint8), connectivity=8)
    corners: dict[tuple[bool, bool], int] = {}  # area by (left, top)
    for x, y, across, down, area in stats[1:count].tolist():
        if area < SPECK_FRACTION * clear.size:
            continue
        left, top, longer = x == 0, y == 0, max(across, down)
        at_corner = (left or x + across == width) and (top or y + down == height)
        if longer > min(CORNER_FRACTION * shorter, CORNER_ASPECT * min(across, down)):
            return False
        if not at_corner or (left, top) in corners:
            return False
        corners[left, top] = area
    return not corners or (len(corners) == 4 and max(corners.values()) <= 2 * min(corners.values()))

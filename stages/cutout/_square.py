"""The framing that all cutters share: a box of the image, resized and centred on a white square."""

from __future__ import annotations

import cv2
import numpy as np

from engine.contours import product_box, widened
from engine.halving import halved
from engine.quality import assess
from engine.types import Box, Cutout, FloatArray, Matte, RGBImage, UInt8Array

# Bilinear weights of a whole-pixel shrink skip pixels and a cubic one rings, so areas are averaged.
_SHRINK, _GROW = cv2.INTER_AREA, cv2.INTER_CUBIC


def check_pair(image: RGBImage, matte: Matte) -> None:
    """Raises ValueError where the matte and the image differ in size."""
    if matte.alpha.shape != image.pixels.shape[:2]:
        raise ValueError(
            f"{image.uri}: matte {matte.alpha.shape} does not fit image {image.pixels.shape[:2]}"
        )


def whole_box(image: RGBImage) -> Box:
    return 0, 0, image.width, image.height


def box_around(image: RGBImage, matte: Matte, margin: float) -> Box:
    """The product's box widened by ``margin`` times its longer side, within the frame.

    The whole image for an empty matte.
    """
    box = None if assess(matte).empty else product_box(matte)
    if box is None:
        return whole_box(image)
    return widened(box, margin, image.width, image.height)


def on_white(pixels: UInt8Array, alpha: FloatArray) -> UInt8Array:
    """Composite (H, W, 3) on white by (H, W) alpha."""
    weight = alpha[:, :, None]
    blended = pixels * weight + np.float32(255.0) * (np.float32(1.0) - weight)
    return np.rint(blended).astype(np.uint8)


def square(pixels: UInt8Array, alpha: FloatArray, box: Box, size: int) -> Cutout:
    """Bring the part that ``box`` cut out to ``size``: aspect kept, white and alpha 0 around it.

    ``pixels`` (h, w, 3) and ``alpha`` (h, w) are the cut part; ``box`` is where it lay in the
    image.
    """
    height, width = alpha.shape
    scale = size / max(height, width)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    left, top = (size - inner[0]) // 2, (size - inner[1]) // 2
    rows, columns = slice(top, top + inner[1]), slice(left, left + inner[0])
    method = _SHRINK if scale < 1 else _GROW
    canvas = np.full((size, size, 3), 255, np.uint8)
    canvas[rows, columns] = cv2.resize(halved(pixels, *inner), inner, interpolation=method)
    plane = np.zeros((size, size), np.float32)
    # Cubic weights overshoot beyond the range that alpha is bound to.
    resized = cv2.resize(halved(alpha, *inner), inner, interpolation=method)
    plane[rows, columns] = np.clip(resized, 0.0, 1.0)
    return Cutout(canvas, plane, box)


def cut_part(image: RGBImage, matte: Matte, box: Box) -> tuple[UInt8Array, FloatArray]:
    """(h, w, 3) pixels and (h, w) alpha inside the box."""
    x1, y1, x2, y2 = box
    return image.pixels[y1:y2, x1:x2], matte.alpha[y1:y2, x1:x2]

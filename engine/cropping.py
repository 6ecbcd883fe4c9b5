"""A part of an image by a box: what a user drew around the product."""

from __future__ import annotations

import numpy as np
from PIL import Image

from engine.errors import ConfigError
from engine.images import fit
from engine.types import Box, RGBImage, UInt8Array

LEAST_SIDE = 8  # pixels of the original
# The longer side to which an image should be decoded before it is cropped: a product that takes a
# quarter of the photo's width is then described as sharply as one that fills it.
DECODED_SIDE = 4096


def cropped(image: RGBImage, box: Box, max_side: int) -> RGBImage:
    """The part of a decoded image, no longer than ``max_side``; its ``original_size`` is the box's.

    ``box`` is in pixels of the upright image in its original size; what lies outside of the image
    does not count. ConfigError for a box of less than 8 pixels.
    """
    width, height = image.original_size
    x1, y1, x2, y2 = within(box, width, height, image.uri)
    scale_x, scale_y = image.width / width, image.height / height
    left, top = int(x1 * scale_x), int(y1 * scale_y)
    right = max(left + 1, round(x2 * scale_x))
    bottom = max(top + 1, round(y2 * scale_y))
    pixels = image.pixels[top:bottom, left:right]
    alpha = None if image.alpha is None else _fitted(image.alpha[top:bottom, left:right], max_side)
    return RGBImage(_fitted(pixels, max_side), image.uri, (x2 - x1, y2 - y1), alpha=alpha)


def within(box: Box, width: int, height: int, uri: str) -> Box:
    """The box in an image of this size; ConfigError where too little of it is left."""
    x1, y1, x2, y2 = box
    found = (max(0, x1), max(0, y1), min(width, x2), min(height, y2))
    if found[2] - found[0] < LEAST_SIDE or found[3] - found[1] < LEAST_SIDE:
        raise ConfigError(
            f"box: of {list(box)} less than {LEAST_SIDE} x {LEAST_SIDE} pixels lie in {uri}, which "
            f"has {width} x {height}.",
            remedy="Give x1, y1, x2, y2 in pixels of the upright photo.",
        )
    return found


def _fitted(pixels: UInt8Array, max_side: int) -> UInt8Array:
    return np.array(fit(Image.fromarray(pixels), max_side))

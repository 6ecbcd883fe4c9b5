"""Thumbnails of a report: JPEGs in the document; masks and matching places drawn over an image."""

from __future__ import annotations

import io
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageColor, ImageDraw, ImageFont

from engine.matching_places import DOT
from engine.types import BoolArray, FloatArray, RGBImage, UInt8Array
from offline.report.document import Thumbnail

SIDE = 256  # pixels of the longer side
# At quality 80 an image of 256 px takes 8 to 15 KiB; without chroma subsampling, contours of two
# pixels keep their colour.
QUALITY = 80

# Blue and vermilion of Okabe and Ito (2008): distinct with any kind of colour blindness. The
# true contour is wide and lies below, so that both are seen where they agree.
TRUE_COLOUR, PREDICTED_COLOUR = (0, 114, 178), (213, 94, 0)
TRUE_WIDTH, PREDICTED_WIDTH = 4, 2
LEGEND = "wide blue line: true contour; narrow orange line: predicted; tinted: where they differ"
_TINT = 0.45
# Of the number of a place, in fractions of the longer side: cards show an image at 105 px.
PLACE_RADIUS = 0.055
_FINER = 4


def thumbnail(image: RGBImage | UInt8Array, uri: str = "", label: str = "") -> Thumbnail:
    """An (H, W, 3) image as a JPEG of at most 256 px; ``uri`` defaults to that of the image.

    The same pixels give the same bytes. Raises ValueError for an array of another shape or kind.
    """
    pixels = image.pixels if isinstance(image, RGBImage) else image
    own = image.uri if isinstance(image, RGBImage) else ""
    _check(pixels)
    small = Image.fromarray(np.ascontiguousarray(pixels))
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    buffer = io.BytesIO()
    small.save(buffer, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return Thumbnail(uri=uri or own, label=label, jpeg=buffer.getvalue())


def overlay(
    pixels: UInt8Array, true: FloatArray | BoolArray, predicted: FloatArray | BoolArray
) -> UInt8Array:
    """(H, W, 3) uint8 of at most 256 px with the contours of two mattes at 0.5; see ``LEGEND``.

    ``true`` and ``predicted`` are (H, W), boolean or alpha in [0, 1]. Pixels that only one of
    them holds are tinted in its colour. An empty matte has no contour. Raises ValueError where
    the shapes differ.
    """
    _check(pixels)
    if true.shape != pixels.shape[:2] or predicted.shape != pixels.shape[:2]:
        raise ValueError(f"mattes {true.shape}, {predicted.shape} for pixels {pixels.shape}")
    height, width = pixels.shape[:2]
    scale = min(1.0, SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    drawn = np.array(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    masks = [_mask(matte, size) for matte in (true, predicted)]
    colours = (TRUE_COLOUR, PREDICTED_COLOUR)
    for mask, other, colour in zip(masks, reversed(masks), colours, strict=True):
        only = mask & ~other
        drawn[only] += np.float32(_TINT) * (np.array(colour, np.float32) - drawn[only])
    result = np.ascontiguousarray(drawn.round().astype(np.uint8))
    for mask, colour, wide in zip(masks, colours, (TRUE_WIDTH, PREDICTED_WIDTH), strict=True):
        rings, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(result, rings, -1, colour, wide, cv2.LINE_AA)
    return result


def with_places(
    pixels: UInt8Array, places: Sequence[tuple[int, str, tuple[float, float]]]
) -> UInt8Array:
    """(H, W, 3) uint8 of at most 256 px with places on it: number, colour, and x, y in fractions
    of the longer side; a place of number 0 is a dot. Later ones lie on top."""
    _check(pixels)
    small = Image.fromarray(np.ascontiguousarray(pixels))
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    longer = max(small.size)
    # Drawn larger, then reduced: Pillow's circles have hard edges.
    large = small.resize((small.width * _FINER, small.height * _FINER), Image.Resampling.NEAREST)
    draw = ImageDraw.Draw(large)
    font = ImageFont.load_default(max(1.0, PLACE_RADIUS * 1.4 * longer * _FINER))
    for number, colour, (x, y) in places:
        at, radius = (
            (x * longer * _FINER, y * longer * _FINER),
            (PLACE_RADIUS if number else 1.5 * DOT),
        )
        fill = ImageColor.getrgb(colour)
        draw.circle(at, radius * longer * _FINER, fill, (255, 255, 255), _FINER)
        if number:
            draw.text(at, str(number), (255, 255, 255), font, anchor="mm")
    return np.asarray(large.reduce(_FINER), np.uint8)


def _mask(matte: FloatArray | BoolArray, size: tuple[int, int]) -> BoolArray:
    """Of ``size`` = (width, height)."""
    alpha = np.asarray(matte, np.float32)
    return np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) >= 0.5, np.bool_)


def _check(pixels: npt.NDArray[np.uint8]) -> None:
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise ValueError(f"an image is (H, W, 3) uint8, not {pixels.shape} {pixels.dtype}")

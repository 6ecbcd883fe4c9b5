"""Quality flags of a matte, and what an image lacks."""

from __future__ import annotations

import cv2
import numpy as np

from engine.halving import halved, halved_image
from engine.types import (
    BoolArray,
    FloatArray,
    Matte,
    MatteQuality,
    RGBImage,
    UInt8Array,
    once,
)

# Computed on a mask of at most this side: fractions of a percent survive, a stray pixel does not.
_SIDE = 192

# Alpha from which a pixel counts as product, as everywhere in this project.
THRESHOLD = 0.5

# Below half a percent of the frame (70 x 70 pixels of 1024 x 1024) there is no shape to compare.
EMPTY_FRACTION = 0.005

# Of a precise matte, a tenth of that: 23 x 23 pixels of 1024 x 1024.
PRECISE_EMPTY_FRACTION = 0.0005

# A product that fills more of the frame than this leaves no background to separate it from.
NEARLY_EVERYTHING_FRACTION = 0.9

# Fraction of the frame's outermost pixels. On GroceryStoreDataset, masked by U²-Netp, nine of ten
# product images that fill their frame lie below 0.051, the median photo with a hand at 0.067.
BORDER_FRACTION = 0.05

# A convex mask that spans this fraction of the frame between two opposite sides, and stays off the
# other two, is of a product framed tightly: its contour is whole. A hand enters from one side or
# past a corner, and is not convex together with what it holds. Of GroceryStoreDataset's 31 studio
# images this clears 22 of 22 flags (GrabCut) and 4 of 5 (U²-Netp); of 75 U²-Netp masks of photos
# that hold the hand 74 stay flagged (docs/mask-trust.md).
SPANNING_FRACTION = 0.95
CONVEX_SOLIDITY = 0.85

# A second piece of a fifth of the largest one is another product; less is a cap or a reflection.
SECOND_FRACTION = 0.2


@once
def assess(matte: Matte) -> MatteQuality:
    """Raise the flags of ``MatteQuality``; an empty matte raises only ``empty``."""
    mask = _reduced(matte)
    fraction = float(mask.mean())
    if fraction < empty_below(matte):
        return MatteQuality(empty=True)
    return MatteQuality(
        touches_border=_border_fraction(mask) >= BORDER_FRACTION and not _framed_tightly(mask),
        several_objects=_second_fraction(mask) >= SECOND_FRACTION,
        nearly_everything=fraction > NEARLY_EVERYTHING_FRACTION,
    )


def empty_below(matte: Matte) -> float:
    """The fraction of the frame below which a mask shows nothing."""
    return PRECISE_EMPTY_FRACTION if matte.precise else EMPTY_FRACTION


def _reduced(matte: Matte) -> BoolArray:
    """(h, w) bool, h and w at most _SIDE; a cell counts where half of its pixels do."""
    mask = (matte.alpha >= THRESHOLD).view(np.uint8)
    height, width = mask.shape
    size = (min(width, _SIDE), min(height, _SIDE))
    if size != (width, height):
        smaller = halved(mask * np.uint8(255), *size)
        return np.asarray(cv2.resize(smaller, size, interpolation=cv2.INTER_AREA) >= 128)
    return mask.astype(np.bool_)


def _border_fraction(mask: BoolArray) -> float:
    """Fraction of the frame's outermost pixels, each counted once."""
    ring = np.ones_like(mask)
    ring[1:-1, 1:-1] = False
    return float(mask[ring].mean())


def _framed_tightly(mask: BoolArray) -> bool:
    """Whether the mask is convex, spans the frame along one axis and is clear of the other sides.

    A few pixels of a side do not count, as in ``_border_fraction``.
    """
    along_y = _spans(mask, 1) and max(_sides(mask.T)) < BORDER_FRACTION
    along_x = _spans(mask, 0) and max(_sides(mask)) < BORDER_FRACTION
    if not (along_y or along_x) or mask.mean() > NEARLY_EVERYTHING_FRACTION:
        return False
    return solidity(mask) >= CONVEX_SOLIDITY


def solidity(mask: BoolArray) -> float:
    """The area of a mask, (H, W) and not empty, over that of its convex hull.

    Both in pixels: the hull is that of the pixels' corners, so that it covers them.
    """
    rows, columns = np.nonzero(mask)
    corners = np.concatenate(
        [np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)]
    ).astype(np.int32)
    return float(mask.sum() / cv2.contourArea(cv2.convexHull(corners)))


def _spans(mask: BoolArray, across: int) -> bool:
    """Whether the first and the last row that hold some mask are ``SPANNING_FRACTION`` apart;
    columns where ``across`` is 0."""
    places = np.flatnonzero(mask.any(axis=across))
    return (
        len(places) > 0 and places[-1] + 1 - places[0] >= SPANNING_FRACTION * mask.shape[1 - across]
    )


def _sides(mask: BoolArray) -> tuple[float, float]:
    """The fractions of the first and the last row that are mask."""
    return float(mask[0].mean()), float(mask[-1].mean())


def _second_fraction(mask: BoolArray) -> float:
    """Area of the second 8-connected component as a fraction of the largest."""
    areas = component_areas(mask)
    return areas[1] / areas[0] if len(areas) > 1 else 0.0


def component_areas(mask: BoolArray) -> list[int]:
    """Areas of the 8-connected components in pixels, largest first."""
    packed: UInt8Array = mask.view(np.uint8)
    _, _, stats, _ = cv2.connectedComponentsWithStats(packed, connectivity=8)
    areas: list[int] = np.sort(stats[1:, cv2.CC_STAT_AREA])[::-1].tolist()
    return areas


# Longer side in pixels that colours are looked at: a colour patch of 1/100 of the frame's sides
# still fills a pixel, while the noise of a sensor is averaged away.
_COLOUR_SIDE = 128

# CIE Lab chroma below which a patch has no colour, and the fraction of patches that must not: a
# grey file has none at all, while its JPEG rounding and the noise of a scan stay below 2.
COLOURLESS_CHROMA = 4.0
COLOURLESS_FRACTION = 0.999


def is_colourless(image: RGBImage) -> bool:
    """Whether the whole image is grey: product and background alike.

    A white or black product is grey, too, but in a photo with colour around it that is something
    known of the product, and such a photo is not colourless.
    """
    lab = _lab(image, _COLOUR_SIDE)
    chroma = np.linalg.norm(lab[:, :, 1:], axis=2)
    return float(np.quantile(chroma, COLOURLESS_FRACTION)) < COLOURLESS_CHROMA


# Longer side that an image of one colour is looked at, and the range of a channel, of 256 levels,
# that it stays below there: the noise of a sensor is averaged away, a bottle of another white that
# fills a thirtieth of the frame is not.
ONE_COLOUR_SIDE = 32
ONE_COLOUR_RANGE = 3


def is_one_colour(image: RGBImage) -> bool:
    """Whether nothing can be seen in the image: a covered lens, an empty scan."""
    size = min(ONE_COLOUR_SIDE, image.width), min(ONE_COLOUR_SIDE, image.height)
    small = cv2.resize(halved_image(image, *size), size, interpolation=cv2.INTER_AREA)
    return bool((np.ptp(small, axis=(0, 1)) < ONE_COLOUR_RANGE).all())


# A shadow takes at most this much lightness and hardly changes the hue (CIE Lab); its lightness
# drops over at least this fraction of the square root of its area.
SHADOW_DEPTH = 40.0
SHADOW_CHROMA = 4.0
SHADOW_DRIFT = 0.12
SHADOW_SOFTNESS = 0.06


def is_shadow(image: RGBImage, matte: Matte) -> bool:
    """Whether the mask covers a shadow in place of a product: darker than the background next to
    it, of its hue, soft at its edge and within it. False for an empty matte."""
    lab = shadow_lab(image)
    height, width = lab.shape[:2]
    smaller = halved(matte.alpha, width, height)
    alpha = cv2.resize(smaller, (width, height), interpolation=cv2.INTER_AREA)
    mask = np.asarray(alpha >= THRESHOLD, np.bool_)
    area = int(mask.sum())
    if area < empty_below(matte) * mask.size or area > NEARLY_EVERYTHING_FRACTION * mask.size:
        return False
    near = max(2, round(0.1 * float(np.sqrt(area))))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * near + 1,) * 2)
    around = (cv2.dilate(mask.view(np.uint8), disc) > 0) & ~mask
    if not around.any():
        return False
    difference = lab[mask] - np.median(lab[around], axis=0)  # (cells of the mask, 3)
    darker = -difference[:, 0]
    depth = float(np.quantile(darker, 0.95))
    if not 0.0 < depth < SHADOW_DEPTH or np.mean(darker > -1.0) < 0.9:
        return False
    chroma = np.linalg.norm(difference[:, 1:], axis=1)
    if np.mean(chroma < SHADOW_CHROMA + SHADOW_DRIFT * np.maximum(darker, 0.0)) < 0.95:
        return False
    slope = _slope(lab[:, :, 0])[mask | around]
    steepest = float(np.quantile(slope, 0.9))
    return depth / max(steepest, 1e-6) >= SHADOW_SOFTNESS * float(np.sqrt(area))


@once
def shadow_lab(image: RGBImage) -> FloatArray:
    """(h, w, 3) CIE Lab of the image, at the size that shadows are looked for."""
    return _lab(image, _SIDE)


def _slope(lightness: FloatArray) -> FloatArray:
    """(H, W): lightness units a pixel."""
    plane = np.ascontiguousarray(lightness)
    along_x = cv2.Scharr(plane, cv2.CV_32F, 1, 0) / 32.0
    along_y = cv2.Scharr(plane, cv2.CV_32F, 0, 1) / 32.0
    return np.asarray(np.hypot(along_x, along_y), np.float32)


def prepare_lab() -> None:
    """Make OpenCV's tables for CIE Lab, which takes the first conversion of a process 0.1 s."""
    cv2.cvtColor(np.zeros((1, 1, 3), np.float32), cv2.COLOR_RGB2LAB)


def _lab(image: RGBImage, side: int) -> FloatArray:
    """(h, w, 3) CIE Lab of the image, brought to a longer side of at most ``side``."""
    scale = min(1.0, side / max(image.height, image.width))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    small = cv2.resize(halved_image(image, *size), size, interpolation=cv2.INTER_AREA)
    unit = np.asarray(small, np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)

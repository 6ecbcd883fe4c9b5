"""Features of a matte that predict its quality: entropy, border contact, components, holes, shape
and edge contrast.

All are computed on the matte reduced to a fixed size and as fractions of the frame or of the mask,
so that an image's size, its orientation and its mirror image change nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import cv2
import numpy as np

from engine.quality import EMPTY_FRACTION, THRESHOLD, component_areas, empty_below, solidity
from engine.types import (
    BoolArray,
    Float64Array,
    FloatArray,
    IntArray,
    Matte,
    RGBImage,
)
from stages.trust._print import print_in_box

# Longer side that mattes are reduced to: about 10 ms of a core, whatever the image's size.
SIDE = 160

# Half the width of the band along the mask's edge, as a fraction of the square root of its area.
BAND_FRACTION = 0.08

# A CIE76 difference of 10 is seen at a glance; what differs less across the mask's edge is texture,
# shadow or noise.
WEAK_DIFFERENCE = 10.0

# Hues of skin in CIE L*a*b*, in degrees, neither grey nor vivid nor black. Of 360 photos of held
# cartons, by U²-Netp's masks, the fraction of such pixels tells masks that hold the hand from
# correct ones with an AUROC of 0.97; the YCrCb ranges of Chai and Ngan (IEEE CSVT 9(4), 1999)
# with 0.70, since the light of a shop makes white card as warm as they allow.
SKIN_HUE = (25.0, 65.0)
SKIN_CHROMA = (14.0, 45.0)
SKIN_LIGHTNESS = 25.0

# Besides the principal axes, which are not defined for squares and circles. A set that quarter
# turns and mirror images map onto itself.
FIXED_AXES = np.deg2rad([0.0, 45.0, 90.0, 135.0])


@dataclass(frozen=True)
class MaskFeatures:
    """Of one matte; fractions lie in [0, 1], entropies in bits."""

    entropy: float  # mean binary entropy of alpha over the frame
    edge_entropy: float  # and in the band along the mask's edge
    inner_entropy: float  # and inside the mask, away from the edge
    border: float  # fraction of the frame's outermost pixels that are mask
    pieces: float  # log(1 + number of components besides the largest)
    pieces_area: float  # their fraction of the mask
    holes: float  # fraction of the filled mask that is hole
    area: float  # log odds of the mask's fraction of the frame
    area_squared: float  # too small and too large are both suspicious
    solidity: float  # mask over its convex hull
    symmetry: float  # IoU of the mask with its mirror image
    offset: float  # distance of the centroids of mask and frame over half the diagonal
    contrast: float  # median colour difference across the edge, in units of 100 of CIE76
    weak_edge: float  # fraction of the edge without a colour difference
    # Those of files that were fitted after the others.
    fill: float  # fraction of the least rectangle, of any direction, that the mask fills
    elongation: float  # log of that rectangle's longer side over its shorter one
    skin: float  # fraction of the mask that has the colour of skin
    lightness: float  # log of the mean lightness of the mask over that of the other pixels
    print_in_box: (
        float  # log odds of the print in the mask's box over those of the box in the frame
    )


NAMES = tuple(field.name for field in fields(MaskFeatures))
# Of files from before there were more.
EARLIER = tuple(NAMES[: NAMES.index(later)] for later in ("fill", "print_in_box"))


def mask_features(image: RGBImage, matte: Matte) -> MaskFeatures | None:
    """The features of a matte of the image; None where it is all but empty.

    Raises ValueError where the two differ in size.
    """
    if matte.alpha.shape != image.pixels.shape[:2]:
        raise ValueError(f"{image.uri}: matte {matte.alpha.shape}, image {image.pixels.shape[:2]}")
    alpha = reduced(matte.alpha)
    mask = alpha >= THRESHOLD
    if mask.mean() < empty_below(matte) or not mask.any():
        return None
    inside = _depth(mask)
    band = BAND_FRACTION * float(np.sqrt(mask.sum()))
    doubt = binary_entropy(alpha)
    edge = np.where(mask, inside, _depth(~mask)) <= max(band, 1.0)
    pieces = component_areas(mask)
    size = log_odds(float(mask.mean()))
    lab = _lab(image, mask.shape)
    contrast, weak = edge_contrast(lab, mask, band)
    fill, elongation = _rectangle(mask)
    printed, box = print_in_box(lab[:, :, 0], mask)
    return MaskFeatures(
        entropy=float(doubt.mean()),
        edge_entropy=_mean(doubt, edge),
        inner_entropy=_mean(doubt, mask & ~edge),
        border=_mean(mask, _ring(mask.shape)),
        pieces=float(np.log(len(pieces))),
        pieces_area=1.0 - pieces[0] / sum(pieces),
        holes=_hole_fraction(mask),
        area=size,
        area_squared=size * size,
        solidity=solidity(mask),
        symmetry=symmetry(mask),
        offset=_offset(mask),
        contrast=contrast,
        weak_edge=weak,
        fill=fill,
        elongation=elongation,
        skin=_mean(_skin(lab), mask),
        lightness=_lightness(lab, mask),
        print_in_box=log_odds(printed) - log_odds(box),
    )


def row(found: MaskFeatures) -> Float64Array:
    """(F,) in the order of ``NAMES``."""
    return np.array(astuple(found), np.float64)


def columns(names: Sequence[str]) -> IntArray:
    """Where features of these names stand in a row."""
    return np.array([NAMES.index(name) for name in names], np.int64)


def skin(image: RGBImage, matte: Matte) -> BoolArray:
    """(H, W) where the image has the colour of skin, at the resolution of the features."""
    small = _skin(_lab(image, reduced(matte.alpha).shape))
    size = (image.width, image.height)
    return np.asarray(cv2.resize(small.view(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0)


def reduced(alpha: FloatArray) -> FloatArray:
    """Brought to a longer side of ``SIDE`` by averaging areas; smaller ones stay.

    Alpha is first rounded to 256 levels: a network's floats are never quite 0 or 1, and a matte
    that was read from a file must have the features of the one that was written.
    """
    levels = np.rint(alpha * np.float32(255)) / np.float32(255)
    height, width = alpha.shape
    scale = SIDE / max(height, width)
    if scale >= 1:
        return np.asarray(levels, np.float32)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(levels, size, interpolation=cv2.INTER_AREA)
    return np.clip(np.asarray(small, np.float32), 0.0, 1.0)


def binary_entropy(alpha: FloatArray) -> Float64Array:
    """-a log2 a - (1 - a) log2 (1 - a), element by element; 0 at 0 and 1, 1 at a half."""
    p = np.clip(alpha.astype(np.float64), 1e-12, 1 - 1e-12)
    entropy: Float64Array = -p * np.log2(p) - (1 - p) * np.log2(1 - p)
    return np.where((alpha <= 0) | (alpha >= 1), 0.0, entropy)


def log_odds(fraction: float) -> float:
    """log(p / (1 - p)), p kept half a percent away from 0 and 1."""
    kept = min(max(fraction, EMPTY_FRACTION), 1 - EMPTY_FRACTION)
    return float(np.log(kept / (1 - kept)))


def edge_contrast(lab: FloatArray, mask: BoolArray, width: float) -> tuple[float, float]:
    """(median colour difference / 100, fraction of the edge where it is weak).

    At every pixel of the mask's edge the mean colour (h, w, 3 CIE L*a*b*) of the mask's pixels
    nearby is compared with that of the other pixels nearby (CIE76, Euclidean); nearby is a square
    that reaches ``width`` pixels, at least 1. The frame's border is no edge. (0, 1) where the mask
    has no edge.
    """
    reach = 2 * max(1, round(width)) + 1
    difference = np.linalg.norm(
        _mean_near(lab, mask, reach) - _mean_near(lab, ~mask, reach), axis=2
    )
    found = difference[_edge(mask)]
    if not found.size:
        return 0.0, 1.0
    return float(np.median(found)) / 100, float(np.mean(found < WEAK_DIFFERENCE))


def symmetry(mask: BoolArray) -> float:
    """The best IoU of a mask, (H, W) and not empty, with its mirror image about a line through
    its centroid; of the principal axes of its second moments and four fixed ones."""
    rows, columns = np.nonzero(mask)
    centre = np.array([columns.mean(), rows.mean()])
    moments = np.cov(np.stack([columns, rows]), bias=True)
    _, axes = np.linalg.eigh(moments)
    fixed = np.stack([np.cos(FIXED_AXES), np.sin(FIXED_AXES)])
    return max(_overlap(mask, centre, axis) for axis in np.column_stack([axes, fixed]).T)


def _lab(image: RGBImage, shape: tuple[int, ...]) -> FloatArray:
    """(h, w, 3) CIE L*a*b* at the reduced matte's shape."""
    size = (shape[1], shape[0])
    small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA)
    unit = np.asarray(small, np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)


def _skin(lab: FloatArray) -> BoolArray:
    """(h, w) pixels of the colour of skin; so are kraft card and some oranges."""
    lightness, a, b = cv2.split(lab)
    chroma, hue = cv2.cartToPolar(a, b, angleInDegrees=True)
    within = (SKIN_HUE[0] < hue) & (hue < SKIN_HUE[1]) & (lightness > SKIN_LIGHTNESS)
    return np.asarray(within & (SKIN_CHROMA[0] < chroma) & (chroma < SKIN_CHROMA[1]), np.bool_)


def _lightness(lab: FloatArray, mask: BoolArray) -> float:
    """0 where the mask is the whole frame. Black counts as L* = 1."""
    if mask.all():
        return 0.0
    inside, outside = (max(1.0, float(lab[:, :, 0][part].mean())) for part in (mask, ~mask))
    return float(np.log(inside / outside))


def _rectangle(mask: BoolArray) -> tuple[float, float]:
    """(fraction filled, log aspect) of the least rectangle around the mask's pixels."""
    rows, columns = np.nonzero(mask)
    centres = np.stack([columns, rows], 1).astype(np.float32)
    _, sides, _ = cv2.minAreaRect(centres)
    short, long = min(sides) + 1.0, max(sides) + 1.0  # from centres of pixels to their edges
    return min(1.0, float(mask.sum()) / (short * long)), float(np.log(long / short))


def _depth(mask: BoolArray) -> FloatArray:
    """Distance of every pixel of the mask to the nearest one that is not in it; 0 outside."""
    plane = mask.view(np.uint8)
    found = cv2.distanceTransform(plane, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(found, np.float32)


def _mean(values: Float64Array | BoolArray, where: BoolArray) -> float:
    return float(np.mean(values[where])) if where.any() else 0.0


def _ring(shape: tuple[int, ...]) -> BoolArray:
    ring = np.ones(shape, np.bool_)
    ring[1:-1, 1:-1] = False
    return ring


def _hole_fraction(mask: BoolArray) -> float:
    """Holes are background that is not 4-connected to the outside of the frame."""
    background = np.pad(~mask, 1, constant_values=True).view(np.uint8)
    _, labels = cv2.connectedComponents(background, connectivity=4)
    filled = int((labels[1:-1, 1:-1] != labels[0, 0]).sum())
    return 1.0 - int(mask.sum()) / filled


def _offset(mask: BoolArray) -> float:
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    away = np.hypot(rows.mean() + 0.5 - height / 2, columns.mean() + 0.5 - width / 2)
    return float(away / (np.hypot(height, width) / 2))


def _edge(mask: BoolArray) -> BoolArray:
    """Pixels of the mask with a 4-neighbour in the frame that is outside of it."""
    padded = np.pad(mask, 1, mode="edge")
    up, down = padded[:-2, 1:-1], padded[2:, 1:-1]
    left, right = padded[1:-1, :-2], padded[1:-1, 2:]
    return np.asarray(mask & ~(up & down & left & right), np.bool_)


def _mean_near(lab: FloatArray, where: BoolArray, reach: int) -> FloatArray:
    """(h, w, 3): the mean of the chosen pixels in the square of side ``reach`` around each."""
    weight = where.astype(np.float32)
    size = (reach, reach)
    border = cv2.BORDER_CONSTANT
    total = cv2.boxFilter(lab * weight[:, :, None], -1, size, normalize=False, borderType=border)
    count = cv2.boxFilter(weight, -1, size, normalize=False, borderType=border)
    return np.asarray(total / np.maximum(count, 1e-6)[:, :, None], np.float32)


def _overlap(mask: BoolArray, centre: Float64Array, axis: Float64Array) -> float:
    """``centre`` is x, y in pixels, ``axis`` a unit vector."""
    turn = 2 * np.outer(axis, axis) - np.eye(2)
    map_ = np.column_stack([turn, centre - turn @ centre])
    size = (mask.shape[1], mask.shape[0])
    mirrored = cv2.warpAffine(mask.astype(np.float32), map_, size) >= 0.5
    return float((mirrored & mask).sum() / (mirrored | mask).sum())

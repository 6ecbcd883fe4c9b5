"""What a matte shows of its own worth: entropy, contact, pieces, holes, shape, and its edges.

Everything is measured on the matte reduced to a fixed side and in shares of the frame or of the
mask, so that a picture's size, its orientation and its mirror image change nothing.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import cv2
import numpy as np

from engine.quality import EMPTY_FRACTION, THRESHOLD, component_areas
from engine.types import BoolArray, Float64Array, FloatArray, Matte, RGBImage
from stages.trust._edges import edge_contrast
from stages.trust._symmetry import symmetry

# Longer side at which mattes are judged: about 10 ms of a core, whatever the picture's size.
SIDE = 160

# Half the width of the band along the mask's edge, as a share of the side of a square of its area.
BAND_SHARE = 0.08


@dataclass(frozen=True)
class Evidence:
    """One matte's features; shares lie in [0, 1], entropies in bits."""

    entropy: float  # mean binary entropy of alpha over the frame
    edge_entropy: float  # and in the band along the mask's edge
    inner_entropy: float  # and inside the mask, away from the edge
    border: float  # share of the frame's outermost pixels that are mask
    pieces: float  # log(1 + number of further components)
    pieces_area: float  # their share of the mask
    holes: float  # share of the filled mask that is hole
    area: float  # log odds of the mask's share of the frame
    area_squared: float  # too small and too large are both suspicious
    solidity: float  # mask over its convex hull
    symmetry: float  # IoU of the mask with its mirror image
    offset: float  # distance of the centroids of mask and frame over half the diagonal
    contrast: float  # median colour difference across the edge, in units of 100 of CIE76
    weak_edge: float  # share of the edge that no colour difference supports


NAMES = tuple(field.name for field in fields(Evidence))


def evidence(image: RGBImage, matte: Matte) -> Evidence | None:
    """The features of a matte that belongs to the image; None where it is as good as empty.

    Raises ValueError where the two differ in size.
    """
    if matte.alpha.shape != image.pixels.shape[:2]:
        raise ValueError(f"{image.uri}: matte {matte.alpha.shape}, image {image.pixels.shape[:2]}")
    alpha = reduced(matte.alpha)
    mask = alpha >= THRESHOLD
    if mask.mean() < EMPTY_FRACTION or not mask.any():
        return None
    inside = _depth(mask)
    band = BAND_SHARE * float(np.sqrt(mask.sum()))
    doubt = binary_entropy(alpha)
    edge = np.where(mask, inside, _depth(~mask)) <= max(band, 1.0)
    pieces = component_areas(mask)
    size = log_odds(float(mask.mean()))
    contrast, weak = edge_contrast(_pixels(image, mask.shape), mask, band)
    return Evidence(
        entropy=float(doubt.mean()),
        edge_entropy=_mean(doubt, edge),
        inner_entropy=_mean(doubt, mask & ~edge),
        border=_mean(mask, _ring(mask.shape)),
        pieces=float(np.log(len(pieces))),
        pieces_area=1.0 - pieces[0] / sum(pieces),
        holes=_hole_share(mask),
        area=size,
        area_squared=size * size,
        solidity=_solidity(mask),
        symmetry=symmetry(mask),
        offset=_offset(mask),
        contrast=contrast,
        weak_edge=weak,
    )


def row(found: Evidence) -> Float64Array:
    """(F,) in the order of ``NAMES``."""
    return np.array(astuple(found), np.float64)


def reduced(alpha: FloatArray) -> FloatArray:
    """Brought to a longer side of ``SIDE`` by averaging areas; smaller ones stay.

    Alpha is first rounded to 256 levels: a network's floats are never quite 0 or 1, and a matte
    that was kept as a file has to be judged like the one it was made from.
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
    share = np.clip(alpha.astype(np.float64), 1e-12, 1 - 1e-12)
    entropy: Float64Array = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
    return np.where((alpha <= 0) | (alpha >= 1), 0.0, entropy)


def log_odds(share: float) -> float:
    """log(p / (1 - p)), p kept half a percent away from 0 and 1."""
    kept = min(max(share, EMPTY_FRACTION), 1 - EMPTY_FRACTION)
    return float(np.log(kept / (1 - kept)))


def _pixels(image: RGBImage, shape: tuple[int, ...]) -> FloatArray:
    """(h, w, 3) CIE L*a*b* at the reduced matte's shape."""
    size = (shape[1], shape[0])
    small = cv2.resize(image.pixels, size, interpolation=cv2.INTER_AREA)
    unit = np.asarray(small, np.float32) / np.float32(255)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)


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


def _hole_share(mask: BoolArray) -> float:
    """Holes are what the frame's outside cannot reach through the background, 4-connected."""
    background = np.pad(~mask, 1, constant_values=True).view(np.uint8)
    _, labels = cv2.connectedComponents(background, connectivity=4)
    filled = int((labels[1:-1, 1:-1] != labels[0, 0]).sum())
    return 1.0 - int(mask.sum()) / filled


def _solidity(mask: BoolArray) -> float:
    """Both areas in pixels: the hull is that of the pixels' corners, so that it covers them."""
    rows, columns = np.nonzero(mask)
    corners = np.concatenate(
        [np.stack([columns + x, rows + y], 1) for x in (0, 1) for y in (0, 1)]
    ).astype(np.int32)
    return float(mask.sum() / cv2.contourArea(cv2.convexHull(corners)))


def _offset(mask: BoolArray) -> float:
    height, width = mask.shape
    rows, columns = np.nonzero(mask)
    away = np.hypot(rows.mean() + 0.5 - height / 2, columns.mean() + 0.5 - width / 2)
    return float(away / (np.hypot(height, width) / 2))

"""Quality flags of a matte, from its shape alone."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, Matte, MatteQuality, UInt8Array

# Computed on a mask of at most this side: fractions of a percent survive, a stray pixel does not.
_SIDE = 192

# Alpha from which a pixel counts as product, as everywhere in this project.
THRESHOLD = 0.5

# Below half a percent of the frame (70 x 70 pixels of 1024 x 1024) there is no shape to compare.
EMPTY_FRACTION = 0.005

# A product that fills more of the frame than this leaves no background to separate it from.
NEARLY_EVERYTHING_FRACTION = 0.9

# Fraction of the frame's outermost pixels. On GroceryStoreDataset, masked by U²-Netp, nine of ten
# product images that fill their frame lie below 0.051, the median photo with a hand at 0.067.
BORDER_FRACTION = 0.05

# A second piece of a fifth of the largest one is another product; less is a cap or a reflection.
SECOND_FRACTION = 0.2


def assess(matte: Matte) -> MatteQuality:
    """Raise the flags of ``MatteQuality``; an empty matte raises only ``empty``."""
    mask = _reduced(matte)
    fraction = float(mask.mean())
    if fraction < EMPTY_FRACTION:
        return MatteQuality(empty=True)
    return MatteQuality(
        touches_border=_border_fraction(mask) >= BORDER_FRACTION,
        several_objects=_second_fraction(mask) >= SECOND_FRACTION,
        nearly_everything=fraction > NEARLY_EVERYTHING_FRACTION,
    )


def _reduced(matte: Matte) -> BoolArray:
    """(h, w) bool, h and w at most _SIDE; a cell counts where half of its pixels do."""
    mask = (matte.alpha >= THRESHOLD).view(np.uint8)
    height, width = mask.shape
    size = (min(width, _SIDE), min(height, _SIDE))
    if size != (width, height):
        return np.asarray(
            cv2.resize(mask * np.uint8(255), size, interpolation=cv2.INTER_AREA) >= 128
        )
    return mask.astype(np.bool_)


def _border_fraction(mask: BoolArray) -> float:
    """Fraction of the frame's outermost pixels, each counted once."""
    ring = np.ones_like(mask)
    ring[1:-1, 1:-1] = False
    return float(mask[ring].mean())


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

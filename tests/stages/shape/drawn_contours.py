"""Contours to describe: plain bodies, degenerate ones, and blobs at random."""

from __future__ import annotations

import cv2
import numpy as np
from hypothesis import strategies as st

from engine.types import BoolArray, Contour

SIDE = 128


def drawn(*polygons: list[tuple[float, float]]) -> Contour:
    """The union of filled polygons with corners in cells."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for corners in polygons:
        cv2.fillPoly(mask, [np.round(np.array(corners)).astype(np.int32)], 1)
    return Contour.from_mask(mask.view(np.bool_))


def rectangle(x1: int, y1: int, x2: int, y2: int, side: int = SIDE) -> Contour:
    """x2 and y2 exclusive."""
    mask = np.zeros((side, side), np.bool_)
    mask[y1:y2, x1:x2] = True
    return Contour.from_mask(mask)


def disc(radius: int, hole: int = 0) -> Contour:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.circle(mask, (SIDE // 2, SIDE // 2), radius, 1, cv2.FILLED)
    if hole:
        cv2.circle(mask, (SIDE // 2, SIDE // 2), hole, 0, cv2.FILLED)
    return Contour.from_mask(mask.view(np.bool_))


EMPTY = Contour.from_mask(np.zeros((SIDE, SIDE), np.bool_))
PIXEL = rectangle(5, 7, 6, 8)
LINE = rectangle(64, 10, 65, 110)
RING = disc(50, hole=40)
DEGENERATE = (PIXEL, LINE, rectangle(0, 0, SIDE, SIDE), RING)


def star_shaped(
    radii: list[float], size: float = 1.0, shift: tuple[float, float] = (0, 0)
) -> Contour:
    """Corners at equal angles about the middle, ``radii`` in cells."""
    angles = np.linspace(0, 2 * np.pi, len(radii), endpoint=False)
    lengths = np.array(radii) * size
    x = SIDE / 2 + shift[0] + lengths * np.cos(angles)
    y = SIDE / 2 + shift[1] + lengths * np.sin(angles)
    return drawn(list(zip(x.tolist(), y.tolist(), strict=True)))


def moved(contour: Contour, quarters: int, *, mirrored: bool) -> Contour:
    mask: BoolArray = np.rot90(contour.mask(), quarters)
    return Contour.from_mask(np.ascontiguousarray(mask[:, ::-1] if mirrored else mask))


# Radii of a star-shaped polygon.
blobs = st.lists(st.floats(12, 60), min_size=5, max_size=10)

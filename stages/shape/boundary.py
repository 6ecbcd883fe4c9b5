"""The boundary of a contour, a closed curve, as points at equal steps along it."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, Contour

Points = npt.NDArray[np.float64]  # (..., P, 2): x to the right and y down, in cells

POINTS = 128  # enough for the 112 cells of an aligned contour's longer side

# Every cell becomes this many across before its border is followed: the line through the centres
# of border cells cuts half a cell off the shape, and a line one cell wide has no inside.
_FINER = 2


def boundary_points(contour: Contour, points: int = POINTS) -> Points:
    """The outer border of the largest piece, ``points`` of it at equal arc length; (points, 2).

    It runs clockwise as seen (y points down) from its topmost row on and is closed: the last
    point is one step from the first. Holes have no part in it. An empty contour gives (0, 2).
    Raises ValueError for fewer than 3 points.
    """
    if points < 3:
        raise ValueError(f"a boundary of {points} points encloses nothing: take 3 at least")
    return resampled(border(contour.mask()), points)


def border(mask: BoolArray) -> Points:
    """(M, 2): the polygon around the largest piece of a mask (H, W), clockwise; (0, 2) for none."""
    size = mask.shape[1] * _FINER, mask.shape[0] * _FINER
    fine = cv2.resize(mask.view(np.uint8), size, interpolation=cv2.INTER_NEAREST)
    lines, _ = cv2.findContours(fine, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not lines:
        return np.empty((0, 2))
    largest = max(lines, key=cv2.contourArea)[:, 0].astype(np.float64)
    points: Points = (largest[::-1] + 0.5) / _FINER - 0.5  # OpenCV runs counter-clockwise
    return points


def resampled(polygon: Points, points: int) -> Points:
    """(points, 2) at equal steps along the closed ``polygon`` (M, 2), from its first corner on."""
    if not len(polygon):
        return np.empty((0, 2))
    closed = np.concatenate([polygon, polygon[:1]])
    travelled = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(closed, axis=0).T))])
    steps = np.linspace(0.0, travelled[-1], points, endpoint=False)
    x, y = (np.interp(steps, travelled, line) for line in closed.T)
    return np.stack([x, y], axis=1)


def smoothed(boundaries: Points, sigma: float) -> Points:
    """Boundaries (..., P, 2) convolved with a Gaussian of ``sigma`` steps, around their ends."""
    count = boundaries.shape[-2]
    waves = 2 * np.pi * np.fft.rfftfreq(count)
    kept = np.exp(-0.5 * (waves * sigma) ** 2)[:, None]
    lines: Points = np.fft.irfft(np.fft.rfft(boundaries, axis=-2) * kept, n=count, axis=-2)
    return lines


def solid(mask: BoolArray) -> BoolArray:
    """The largest piece of a mask (H, W) with its holes filled; all False for an empty mask."""
    filled = np.zeros(mask.shape, np.uint8)
    lines, _ = cv2.findContours(mask.view(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if lines:
        # By area alone pieces of one or two cells' width would have none.
        largest = max(lines, key=lambda line: (cv2.contourArea(line), len(line)))
        cv2.drawContours(filled, [largest], -1, 1, cv2.FILLED)
    return filled.view(np.bool_)

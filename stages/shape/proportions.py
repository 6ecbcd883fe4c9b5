"""Proportions of a contour: its area, its aspect ratio, its width along its axis.

Packages stand upright and are mostly rotated about their axis, so that the width at every height
distinguishes a bottle from a jar from a box. A contour that lies or leans is read along its
principal axis.
"""

from __future__ import annotations

import math

import numpy as np

from engine.types import Contour, Float64Array, FloatArray

BANDS = 32


def area_fraction(contour: Contour) -> float:
    """Fraction of the frame's cells that the contour covers, in [0, 1]."""
    return contour.area / contour.side**2


def aspect_ratio(contour: Contour) -> float:
    """Width over height of the box around the contour; 0 for an empty one."""
    mask = contour.mask()
    height, width = (
        int(np.ptp(np.flatnonzero(mask.any(axis)))) + 1 if contour.area else 0 for axis in (1, 0)
    )
    return width / height if height else 0.0


def width_profile(contour: Contour, bands: int = BANDS, *, upright: bool = True) -> FloatArray:
    """(bands,) float32: the mean width in equal bands from top to bottom, over the height.

    The width counts cells, so that holes and gaps do not count. ``upright = False`` reads along
    the principal axis, from the slimmer half on; then turning and mirroring change nothing but
    rounding. An empty contour gives zeros.
    """
    counts = _rows(contour) if upright else _slices(contour)
    profile = np.zeros(bands, np.float32)
    if len(counts):
        edges = np.linspace(0, len(counts), bands + 1)
        below = np.interp(
            edges, np.arange(len(counts) + 1), np.concatenate([[0], np.cumsum(counts)])
        )
        profile[:] = np.diff(below) / (len(counts) / bands) / len(counts)
    return profile


def principal_axis(contour: Contour) -> float:
    """The angle in radians of the axis of most inertia against the vertical, in (-pi/2, pi/2].

    Positive leans to the right. From the second central moments of all cells (Hu, Visual Pattern
    Recognition by Moment Invariants, IRE 1962); 0 where no direction stands out, as in a disc or
    an empty contour.
    """
    rows, columns = np.nonzero(contour.mask())
    if not len(rows):
        return 0.0
    x, up = columns - columns.mean(), rows.mean() - rows
    across, along, mixed = float(x @ x), float(up @ up), float(x @ up)
    if math.hypot(2 * mixed, along - across) < 1e-9 * (across + along):
        return 0.0
    return 0.5 * math.atan2(2 * mixed, along - across)


def profile_similarities(query: FloatArray, gallery: FloatArray) -> FloatArray:
    """(N,) float32 in [0, 1]: sum of minima over sum of maxima of (B,) and (N, B).

    The IoU that the two contours would have if both were made symmetric about their axes; 0
    where either is empty.
    """
    shared, either = np.minimum(gallery, query).sum(axis=1), np.maximum(gallery, query).sum(axis=1)
    return _ratios(shared, either)


def ratio_similarities(query: float, gallery: FloatArray) -> FloatArray:
    """(N,) float32 in [0, 1]: smaller over larger, of areas or aspect ratios; 0 where one is 0."""
    others = np.asarray(gallery, np.float32)
    return _ratios(np.minimum(others, query), np.maximum(others, query))


def _ratios(small: FloatArray, large: FloatArray) -> FloatArray:
    ratios: FloatArray = np.zeros(len(small), np.float32)
    np.divide(small, large, out=ratios, where=large > 0)
    return ratios


def _rows(contour: Contour) -> Float64Array:
    """Cells in every row, from the first that has any to the last; (0,) for none."""
    counts = contour.mask().sum(axis=1, dtype=np.float64)
    full = np.flatnonzero(counts)
    first, last = (full[0], full[-1] + 1) if len(full) else (0, 0)
    rows: Float64Array = counts[first:last]
    return rows


def _slices(contour: Contour) -> Float64Array:
    """Cells in every slice one cell thick along the principal axis, the slimmer half first."""
    rows, columns = np.nonzero(contour.mask())
    if not len(rows):
        return np.zeros(0)
    angle = principal_axis(contour)
    along = rows * math.cos(angle) - columns * math.sin(angle)
    # Between cell centres; half a cell more at either end.
    counts = np.bincount(np.round(along - along.min()).astype(np.int64)).astype(np.float64)
    middle = (along - along.min()).mean()
    return counts[::-1] if middle < (len(counts) - 1) / 2 else counts

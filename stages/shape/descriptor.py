"""The strong shape descriptor: compares boundaries whatever their position, size or rotation.

Every boundary becomes signals at several scales (``signals``), kept as their first harmonics. Two
of them are compared at the start point, and the direction for mirror images, at which they agree
best: the Euclidean distance of two periodic signals at all shifts is one circular
cross-correlation, and that costs little in harmonics. Three parts add up:

* the boundary itself;
* the boundary after its narrow inlets are closed, so that a bridge between two arms, or a handle
  that broke, costs less than all;
* the fraction of holes in the filled contour.

``benchmarks/shapes.py`` compares it with other descriptors; docs/shape.md has the results.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, Contour, FloatArray
from stages.shape.boundary import POINTS, Points, border, resampled, smoothed, solid
from stages.shape.signals import CHANNELS, signals

_SMOOTHING = 0.6  # steps of the boundary: takes the staircase of cells off it
_FINER = 4  # smoothed at so many points a step: a staircase is longer than the slope it stands for
_INLET = 17 / 128  # of the side: inlets narrower than that are closed
_HARMONICS = 12
_FADING = 6.0  # harmonic k counts exp(-(k / 6)^2 / 2): detail differs most between siblings
_SHIFTS = POINTS  # start points that are tried; of 48, a turned copy could lie 0.1 away

# Over the development set the parts' mean distances stand as 1 : 0.5 : 0.15, and their sum's mean
# is near 1; docs/shape.md has the gain of each part.
_OF_WHOLE, _OF_CLOSED, _OF_HOLES = 0.61, 0.33, 2.8
_MOST_HOLES = 0.3  # beyond it holes differ as much as they can

_BATCH = 32  # boundaries at once: 3 MB for the arcs of a scale
_BLOCK = 2 * CHANNELS * _HARMONICS  # numbers of one boundary

# Layout of a description. A part of zeros is left out of the comparison.
THERE, HOLES = 0, 1
WHOLE = slice(2, 2 + _BLOCK)
CLOSED = slice(2 + _BLOCK, 2 + 2 * _BLOCK)
LENGTH = 2 + 2 * _BLOCK  # float32 numbers

# The distance at which the similarity has fallen to 1/e: half of the development set's pairs of
# one class are nearer than 0.25, 99 % of the others farther than 0.42.
_REACH = 0.5


def describe_shapes(contours: Sequence[Contour]) -> FloatArray:
    """(N, LENGTH) float32, aligned with ``contours``; mostly of aligned ones.

    A row holds a 1 (0 for an empty contour, with nothing behind), the fraction of holes,
    and the harmonics of both boundaries. It does not change with the contour's position, size,
    rotation or mirror image, but for the cells' rounding.
    """
    rows = np.zeros((len(contours), LENGTH), np.float32)
    full = [at for at, contour in enumerate(contours) if contour.area]
    for first in range(0, len(full), _BATCH):
        batch = full[first : first + _BATCH]
        rows[batch] = _described([contours[at].mask() for at in batch])
    return rows


def shape_distances(query: FloatArray, gallery: FloatArray) -> FloatArray:
    """(N,) float32 of descriptions (LENGTH,) and (N, LENGTH); lower is more alike.

    0 for equal shapes, around 1 for unrelated ones; infinite where either is empty. Symmetric to
    rounding.
    """
    whole, closed = (_apart(query[part], gallery[:, part]) for part in (WHOLE, CLOSED))
    holes = np.minimum(np.abs(gallery[:, HOLES] - query[HOLES]), _MOST_HOLES)
    total = _OF_WHOLE * whole + _OF_CLOSED * closed + _OF_HOLES * holes
    there = (gallery[:, THERE] > 0) & (query[THERE] > 0)
    away: FloatArray = np.where(there, total, np.inf).astype(np.float32)
    return away


def shape_similarities(query: FloatArray, gallery: FloatArray) -> FloatArray:
    """(N,) float32 in [0, 1]: exp(-distance / 0.5); 0 where either is empty."""
    alike: FloatArray = np.exp(-shape_distances(query, gallery) / np.float32(_REACH))
    return alike


def _described(masks: Sequence[BoolArray]) -> FloatArray:
    """(N, LENGTH) of masks that are not empty."""
    whole = [solid(mask) for mask in masks]
    holes = [1 - (mask & full).sum() / full.sum() for mask, full in zip(masks, whole, strict=True)]
    head = np.stack([np.ones(len(masks)), np.array(holes)], axis=1)
    blocks = [_harmonics(shapes) for shapes in (whole, [_closed(shape) for shape in whole])]
    return np.concatenate([head, *blocks], axis=1).astype(np.float32)


def _closed(shape: BoolArray) -> BoolArray:
    """Closed by a disc: dilated, then eroded, both read off the distances to the nearest cell."""
    reach = _INLET / 2 * shape.shape[0]
    roomy = np.pad(shape, math.ceil(reach) + 1)  # what lies beyond the frame is no shape
    near: BoolArray = _far(~roomy) <= reach
    closed: BoolArray = _far(near) > reach
    return closed


def _far(mask: BoolArray) -> FloatArray:
    """(H, W): how far every True cell is from the nearest False one, in cells; others 0."""
    return cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5).astype(np.float32)


def _harmonics(shapes: Sequence[BoolArray]) -> npt.NDArray[np.float64]:
    """(N, _BLOCK): harmonics by number, then by channel, real beside imaginary.

    Weighted so that the squared length of a row is the mean square of the faded signals.
    """
    fine: Points = np.stack([resampled(border(shape), _FINER * POINTS) for shape in shapes])
    even = [resampled(line, POINTS) for line in smoothed(fine, _FINER * _SMOOTHING)]
    lines = signals(np.stack(even))
    spectra = np.fft.rfft(lines, axis=2) / lines.shape[2]
    number = np.arange(_HARMONICS)
    weights = np.where(number > 0, np.sqrt(2), 1) * np.exp(-0.5 * (number / _FADING) ** 2)
    kept = (spectra[:, :, :_HARMONICS] * weights).transpose(0, 2, 1)
    return np.stack([kept.real, kept.imag], axis=3).reshape(len(shapes), -1)


def _apart(query: FloatArray, gallery: FloatArray) -> FloatArray:
    """(N,): Euclidean distance of rows of _BLOCK at the best shift, forwards or backwards."""
    squares = np.einsum("nd,nd->n", gallery, gallery) + np.dot(query, query)
    away: FloatArray = np.sqrt(np.maximum(squares - 2 * _agreement(query, gallery), 0))
    return away


def _agreement(query: FloatArray, gallery: FloatArray) -> FloatArray:
    """(N,): the highest inner product with the query's signals at any shift and direction."""
    others = gallery.reshape(len(gallery), _HARMONICS, 2 * CHANNELS).transpose(1, 0, 2)
    spectra = others @ _both_ways(query)  # (harmonics, N, 4)
    products = spectra.transpose(1, 0, 2).reshape(len(gallery), _HARMONICS, 2, 2)
    forwards, backwards = (
        products[:, :, direction].reshape(len(gallery), 2 * _HARMONICS) @ _TURNS
        for direction in (0, 1)
    )
    best: FloatArray = np.maximum(forwards.max(axis=1), backwards.max(axis=1))
    return best


def _both_ways(query: FloatArray) -> FloatArray:
    """(harmonics, 2 * CHANNELS, 4): multiplies rows of real and imaginary parts by the conjugate
    of the query (real, imaginary), and by the query itself, which runs backwards."""
    real, imaginary = np.moveaxis(query.reshape(_HARMONICS, CHANNELS, 2), 2, 0)
    of_real = np.stack([real, -imaginary, real, imaginary], axis=2)
    of_imaginary = np.stack([imaginary, real, -imaginary, real], axis=2)
    return np.stack([of_real, of_imaginary], axis=2).reshape(_HARMONICS, 2 * CHANNELS, 4)


def _turns() -> FloatArray:
    """(2 * harmonics, shifts): from a spectrum (real beside imaginary) to its sum at each shift."""
    phases = 2 * np.pi * np.outer(np.arange(_HARMONICS), np.arange(_SHIFTS)) / _SHIFTS
    pairs = np.stack([np.cos(phases), -np.sin(phases)], axis=1)
    return pairs.reshape(2 * _HARMONICS, _SHIFTS).astype(np.float32)


_TURNS = _turns()

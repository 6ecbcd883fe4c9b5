"""Histograms of oriented gradients, in numpy: OpenCV 5 no longer has the descriptor.

Dalal and Triggs, "Histograms of Oriented Gradients for Human Detection", CVPR 2005: centred
differences without smoothing on square-rooted channels, the channel of the largest norm, nine
unsigned orientations, votes interpolated between neighbouring orientations and cells, blocks of
2 x 2 cells normalised with L2-Hys. The Gaussian window over a block is left out.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from engine.types import FloatArray, UInt8Array

ORIENTATIONS = 9
# The ceiling of L2-Hys and the small constant under its root: Dalal and Triggs, section 6.4.
HYSTERESIS = 0.2
EPSILON = 1e-3


def hog(pixels: UInt8Array, weight: FloatArray, cell: int) -> FloatArray:
    """(S, S, 3) RGB and a vote weight a pixel (S, S) -> (blocks * blocks * 36,) float32.

    ``S`` is a multiple of ``cell``, in pixels; blocks overlap by one cell, so there are
    ``S / cell - 1`` of them a side. A flat image gives zeros.
    """
    magnitude, angle = gradients(pixels)
    votes = _cells(magnitude * weight, angle, cell)
    return _blocks(votes).reshape(-1)


def gradients(pixels: UInt8Array) -> tuple[FloatArray, FloatArray]:
    """Magnitude and unsigned angle in [0, pi), both (S, S), of every pixel's strongest channel."""
    rooted = np.sqrt(pixels.astype(np.float32) / np.float32(255.0))
    padded = np.pad(rooted, ((1, 1), (1, 1), (0, 0)), mode="edge")
    dx = padded[1:-1, 2:] - padded[1:-1, :-2]
    dy = padded[2:, 1:-1] - padded[:-2, 1:-1]
    strongest = np.argmax(dx * dx + dy * dy, axis=2)[..., None]
    dx = np.take_along_axis(dx, strongest, axis=2)[..., 0]
    dy = np.take_along_axis(dy, strongest, axis=2)[..., 0]
    angle = np.arctan2(dy, dx)
    angle[angle < 0] += np.float32(np.pi)
    return np.hypot(dx, dy), angle


def _cells(votes: FloatArray, angle: FloatArray, cell: int) -> FloatArray:
    """(cells, cells, 9): every vote is divided between 2 orientations and 2 x 2 cells."""
    position = angle * np.float32(ORIENTATIONS / np.pi) - np.float32(0.5)
    centres = np.arange(ORIENTATIONS, dtype=np.float32)[:, None, None]
    away = np.abs(position[None] - centres)
    away = np.minimum(away, ORIENTATIONS - away)  # orientation is a circle
    planes = np.maximum(np.float32(0.0), 1 - away) * votes[None]
    tents = _tents(votes.shape[0], cell)
    cells: FloatArray = tents @ planes @ tents.T  # (9, cells, cells)
    return np.moveaxis(cells, 0, 2)


@cache
def _tents(side: int, cell: int) -> FloatArray:
    """(cells, side): the weight of a pixel row for a cell, 1 at its centre, 0 a cell away.

    Votes that fall outside the image are dropped.
    """
    pixels = np.arange(side, dtype=np.float32) + np.float32(0.5)
    centres = (np.arange(side // cell, dtype=np.float32) + np.float32(0.5)) * cell
    tents: FloatArray = np.maximum(0, 1 - np.abs(pixels[None] - centres[:, None]) / cell)
    tents.flags.writeable = False
    return tents


def _blocks(cells: FloatArray) -> FloatArray:
    """(n, n, 9) -> (n - 1, n - 1, 36), every block normalised, clipped, normalised (L2-Hys)."""
    blocks = np.concatenate(
        [cells[:-1, :-1], cells[:-1, 1:], cells[1:, :-1], cells[1:, 1:]], axis=2
    )
    return _unit(np.minimum(_unit(blocks), np.float32(HYSTERESIS)))


def _unit(blocks: FloatArray) -> FloatArray:
    squared = np.sum(blocks * blocks, axis=2, keepdims=True)
    unit: FloatArray = blocks / np.sqrt(squared + np.float32(EPSILON**2))
    return unit

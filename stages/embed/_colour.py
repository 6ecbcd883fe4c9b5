"""Colour histograms in CIELAB, softly assigned and weighted by alpha."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import FloatArray, UInt8Array

# Fewer lightness bins than chroma bins: lamps change lightness most. On 864 grocery packages
# 4 instead of 3 find no more (R@1 0.914 to 0.909), and less in studio images (0.231 to 0.245).
LIGHTNESS_BINS = 3
CHROMA_BINS = 7
# Print on packages seldom leaves |a|, |b| <= 60; what does is counted in the outermost bin.
CHROMA_LIMIT = 60.0
BINS = LIGHTNESS_BINS * CHROMA_BINS * CHROMA_BINS


def colour_histograms(pixels: UInt8Array, weight: FloatArray, bands: int) -> FloatArray:
    """(S, S, 3) RGB, (S, S) weights -> (bands * BINS,) float32, rows of the image top first.

    Each band is a histogram of its own, square-rooted after division by its sum, so that their
    dot product is the Bhattacharyya coefficient (Arandjelovic and Zisserman, "Three things
    everyone should know", CVPR 2012). All bands together have length 1, divided among them by
    the weight of their pixels: a band without product is zeros.
    """
    positions = _positions(pixels)
    band = np.arange(pixels.shape[0]) * bands // pixels.shape[0]
    start = np.repeat(band * BINS, pixels.shape[1])
    counts = np.zeros(bands * BINS, np.float64)
    for bin_, part in _corners(positions):
        counts += np.bincount(start + bin_, part * weight.reshape(-1), minlength=counts.size)
    total = counts.sum()
    return np.sqrt(counts / total if total > 0 else counts).astype(np.float32)


def _positions(pixels: UInt8Array) -> FloatArray:
    """(S * S, 3): L, a and b in bins, from 0 to the number of bins less one."""
    lab = cv2.cvtColor(pixels.astype(np.float32) / np.float32(255.0), cv2.COLOR_RGB2Lab)
    scaled = np.asarray(lab, np.float32).reshape(-1, 3)
    scaled[:, 0] *= np.float32((LIGHTNESS_BINS - 1) / 100.0)
    chroma = np.clip(scaled[:, 1:] / np.float32(2 * CHROMA_LIMIT) + np.float32(0.5), 0, 1)
    scaled[:, 1:] = chroma * (CHROMA_BINS - 1)
    return np.clip(scaled, 0, [LIGHTNESS_BINS - 1, CHROMA_BINS - 1, CHROMA_BINS - 1]).astype(
        np.float32
    )


def _corners(positions: FloatArray) -> list[tuple[npt.NDArray[np.int64], FloatArray]]:
    """The 8 bins around every position with the trilinear weight of each; weights sum to 1."""
    tops = np.array([LIGHTNESS_BINS, CHROMA_BINS, CHROMA_BINS]) - 2
    lower = np.minimum(positions.astype(np.int64), tops)
    upper = positions - lower
    weights = (1 - upper, upper)
    strides = (CHROMA_BINS * CHROMA_BINS, CHROMA_BINS, 1)
    base = lower @ np.array(strides)
    corners = []
    for l_, a, b in np.ndindex(2, 2, 2):
        part = weights[l_][:, 0] * weights[a][:, 1] * weights[b][:, 2]
        corners.append((base + l_ * strides[0] + a * strides[1] + b * strides[2], part))
    return corners

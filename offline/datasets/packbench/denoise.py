"""Remove the Monte-Carlo noise of a render: half renders separate noise from detail."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

SPLINE = (6 / 16, 4 / 16, 1 / 16)  # B3 spline by distance from the centre, 0 to 2 taps
TAPS = [(0, 1), (0, 2), *((y, x) for y in (1, 2) for x in range(-2, 3))]  # half of the 5 × 5
PATCH = 5  # px: distances are compared over patches, single pixels are too noisy
LENIENCE = 1.7  # how many standard deviations of noise still count as alike
FLOOR = 5e-4  # variance below which noise is not seen (log radiance)
FEATURE = 0.2  # how far normals (halved) and albedo may differ


def denoise(first: Image, second: Image, features: Image, *, passes: int = 4) -> Image:
    """The noise-free image (H, W, 3) behind two independent renders of the same scene.

    ``first`` and ``second`` are linear radiance (H, W, 3) of equally many samples; ``features``
    (H, W, C) in [0, 1] are nearly free of noise. An edge-avoiding à-trous wavelet (Dammertz,
    Sewtz, Hanika and Lensch, High Performance Graphics 2010) whose colour weights follow the
    measured variance and carry it from pass to pass (Schied et al., SVGF, High Performance
    Graphics 2017); the variance comes from the two halves and the colour distance is taken
    over patches less the noise's own part (Rousselle, Knaus and Zwicker, SIGGRAPH Asia 2012).
    """
    halves = [_despeckled(np.log1p(half)) for half in (first, second)]  # log: tame highlights
    image: Image = np.ascontiguousarray(((halves[0] + halves[1]) / 2).transpose(2, 0, 1))
    spread = np.square(halves[0] - halves[1]).mean(-1) / 4
    variance = cv2.blur(spread, (5, 5), borderType=cv2.BORDER_REFLECT)
    guide = np.ascontiguousarray(features.transpose(2, 0, 1) / FEATURE, np.float32)
    for level in range(passes):
        image, variance = _pass(image, variance, guide, 2**level)
    return np.expm1(image.transpose(1, 2, 0))


def _despeckled(image: Image) -> Image:
    # A single path that found a lamp through glass: no pixel exceeds all its eight neighbours.
    around = np.ones((3, 3), np.uint8)
    around[1, 1] = 0
    edge = cv2.BORDER_REPLICATE
    low, high = (f(image, around, borderType=edge) for f in (cv2.erode, cv2.dilate))
    return np.clip(image, low, high)


def _pass(image: Image, variance: Image, guide: Image, step: int) -> tuple[Image, Image]:
    """One blur with holes of ``step``: image (3, H, W) and its variance (H, W), both smoother.

    A pair of pixels weighs the same seen from either, so half of the taps serve both ways.
    """
    centre = np.float32(SPLINE[0] ** 2)
    total, carried = centre * image, centre**2 * variance
    weights = np.full_like(variance, centre)
    for y, x in TAPS:
        here, there = _pair(variance.shape, y * step, x * step)
        if here is None or there is None:
            continue
        weight = _likeness(image, variance, guide, here, there) * np.float32(
            SPLINE[y] * SPLINE[abs(x)]
        )
        square = weight * weight
        for at, source in ((here, there), (there, here)):
            total[:, *at] += weight * image[:, *source]
            carried[at] += square * variance[source]
            weights[at] += weight
    return total / weights, carried / (weights * weights)


Window = tuple[slice, slice]


def _pair(shape: tuple[int, ...], y: int, x: int) -> tuple[Window, Window] | tuple[None, None]:
    """Windows of every pixel that has a partner ``y`` below and ``x`` beside it, and of those."""
    height, width = shape[0] - y, shape[1] - abs(x)
    if height <= 0 or width <= 0:
        return None, None
    left = max(-x, 0)
    here = slice(0, height), slice(left, left + width)
    there = slice(y, y + height), slice(left + x, left + x + width)
    return here, there


def _likeness(image: Image, variance: Image, guide: Image, here: Window, there: Window) -> Image:
    """(h, w) in [0, 1]: how surely the two pixels show the same thing."""
    noise = variance[here] + variance[there]
    apart = image[:, *here] - image[:, *there]
    colour = np.einsum("chw,chw->hw", apart, apart) / 3 - noise
    colour = cv2.blur(colour, (PATCH, PATCH), borderType=cv2.BORDER_REPLICATE)
    unlike = np.maximum(colour, 0) / (LENIENCE**2 * noise + FLOOR)
    step = guide[:, *here] - guide[:, *there]
    unlike += np.einsum("chw,chw->hw", step, step)
    return np.asarray(np.exp(-unlike), np.float32)

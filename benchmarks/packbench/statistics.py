"""Simple statistics in which renderings and photographs may differ; no content is recognised.

All are of one RGB image (H, W, 3) uint8; luma and its noise are in grey levels of 255.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.float32]

# A step that a viewer sees as an edge on a screen; both kinds of images are held to the same.
EDGE = 32.0  # grey levels a pixel
# Cycles a pixel: below lies the image's own frame, above the sampling and the JPEG.
BAND = (0.03, 0.3)


def brightness(image: Pixels) -> float:
    return float(_luma(image).mean())


def contrast(image: Pixels) -> float:
    """Standard deviation of luma (root mean square contrast; Peli, JOSA A 1990)."""
    return float(_luma(image).std())


def colourfulness(image: Pixels) -> float:
    """M3 of Hasler and Süssbackbone, Measuring Colourfulness in Natural Images, SPIE 2003."""
    red, green, blue = np.moveaxis(image.astype(np.float32), 2, 0)
    across, along = red - green, (red + green) / 2 - blue
    spread = math.hypot(float(across.std()), float(along.std()))
    return spread + 0.3 * math.hypot(float(across.mean()), float(along.mean()))


def saturation(image: Pixels) -> float:
    """Mean of HSV's saturation, 0 to 1."""
    return float(cv2.cvtColor(image, cv2.COLOR_RGB2HSV)[..., 1].mean() / 255)


def gradient(image: Pixels) -> float:
    """Mean gradient magnitude."""
    return float(_gradients(image).mean())


def edges(image: Pixels) -> float:
    """Fraction of pixels with a gradient above EDGE."""
    return float((_gradients(image) > EDGE).mean())


def noise(image: Pixels) -> float:
    """Deviation by Immerkær, Fast Noise Variance Estimation, CVIU 1996; texture counts a little."""
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    residue = cv2.filter2D(_luma(image), -1, mask)[1:-1, 1:-1]
    return float(np.abs(residue).mean() * math.sqrt(math.pi / 2) / 6)


def slope(image: Pixels) -> float:
    """The a of a power spectrum that falls as 1 / f^a within BAND; about 2 on natural images.

    Field, Relations between the statistics of natural images and the response properties of
    cortical cells, JOSA A 1987. Hann-windowed; means over rings of equal width, fitted in logs.
    """
    plane = _luma(image)
    height, width = plane.shape
    window = np.outer(np.hanning(height), np.hanning(width))
    power = np.abs(np.fft.rfft2((plane - plane.mean()) * window)) ** 2
    rise, run = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    frequency = np.hypot(rise, run)
    low, high = BAND
    ring = np.floor((frequency - low) / (high - low) * 24).astype(int)
    inside = (ring >= 0) & (ring < 24)
    total = np.bincount(ring[inside], power[inside], 24)
    at = np.bincount(ring[inside], frequency[inside], 24)
    count = np.maximum(np.bincount(ring[inside], minlength=24), 1)
    filled = (total > 0) & (at > 0)
    fit = np.polyfit(np.log((at / count)[filled]), np.log((total / count)[filled]), 1)
    return float(-fit[0])


STATISTICS: dict[str, Callable[[Pixels], float]] = {
    "luma, mean": brightness,
    "luma, deviation": contrast,
    "colourfulness": colourfulness,
    "saturation": saturation,
    "gradient, mean": gradient,
    "edge pixels, share": edges,
    "spectrum, slope": slope,
    "noise, deviation": noise,
}


def _luma(image: Pixels) -> Plane:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)


def _gradients(image: Pixels) -> Plane:
    """Central differences, in grey levels a pixel."""
    plane = _luma(image)
    across = np.asarray(cv2.Sobel(plane, cv2.CV_32F, 1, 0, ksize=1), np.float32) / 2
    along = np.asarray(cv2.Sobel(plane, cv2.CV_32F, 0, 1, ksize=1), np.float32) / 2
    return np.asarray(np.hypot(across, along), np.float32)

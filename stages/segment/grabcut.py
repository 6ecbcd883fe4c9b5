"""Foreground without weights: a border-colour model on plain backgrounds, GrabCut otherwise.

Rother, Kolmogorov, Blake: "GrabCut": Interactive Foreground Extraction using Iterated Graph
Cuts, ACM Transactions on Graphics (SIGGRAPH) 2004. No user draws the rectangle here: on a table
before a wall, barriers to the frame stand in for it, and in clutter the frame itself.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from pydantic import Field

from engine.parallel import each
from engine.types import BoolArray, FloatArray, Matte, RGBImage, UInt8Array
from stages._mattes import TwoStepSegmenter
from stages.context import BuildContext
from stages.options import StageOptions
from stages.segment._mask import drop_crumbs, fill_holes, smooth, soft_alpha
from stages.segment._plain import Background, fit_background, foreground
from stages.segment._seeds import seeds_by_barrier, seeds_by_place

# Two pixels of each kind are the least that a colour model can be fitted to; below this side
# there is nothing to cut.
SMALLEST = 8

# Spurs and gaps of up to twice this many pixels are noise. Twice as much took the handle off a
# spoon: mean IoU with U²-Netp on the 18 demo photos 0.91 instead of 0.92.
MEND_RADIUS = 1

_PRODUCT = (cv2.GC_FGD, cv2.GC_PR_FGD)


class Options(StageOptions):
    side: int = Field(288, ge=32, le=1024)  # longer side in pixels for a plain background
    cut_side: int = Field(128, ge=32, le=1024)  # and for GrabCut, whose time grows with the area
    # Of GrabCut. A second one costs half as much time again, for no better masks in clutter and a
    # mean IoU of 0.920 instead of 0.915 on the 18 demo photos.
    iterations: int = Field(1, ge=1, le=20)


class GrabCut(TwoStepSegmenter):
    """Works on a reduced image, several images at a time; no randomness is left in it."""

    def __init__(self, options: Options, threads: int) -> None:
        self._options = options
        self._threads = max(1, threads)

    def predict(self, images: Sequence[RGBImage]) -> list[BoolArray]:
        """(h, w) masks of the reduced images."""
        return each(self._mask, images, threads=self._threads)

    def matte(self, predicted: BoolArray, image: RGBImage) -> Matte:
        return Matte(soft_alpha(predicted, (image.width, image.height)))

    def _mask(self, image: RGBImage) -> BoolArray:
        reduced = _reduced(image.pixels, self._options.side)
        lab = _lab(reduced)
        background = fit_background(lab)
        if background.plain:
            return foreground(lab, background)
        small = _reduced(reduced, self._options.cut_side)
        seeds = _seeds(small, background)
        return _cut(small, seeds, self._options.iterations)


def build(options: Options, context: BuildContext) -> GrabCut:
    return GrabCut(options, context.threads)


def _reduced(pixels: UInt8Array, side: int) -> UInt8Array:
    height, width = pixels.shape[:2]
    scale = side / max(height, width)
    if scale >= 1.0:
        return pixels
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _lab(pixels: UInt8Array) -> FloatArray:
    """(H, W, 3) float32: L in 0..100, a and b around 0."""
    unit = pixels.astype(np.float32) / np.float32(255.0)
    return np.asarray(cv2.cvtColor(unit, cv2.COLOR_RGB2LAB), np.float32)


def _seeds(pixels: UInt8Array, background: Background) -> UInt8Array:
    """(H, W) GrabCut's seeds; everything is product where the image is too small to have any."""
    height, width = pixels.shape[:2]
    if min(height, width) < SMALLEST:
        return np.full((height, width), cv2.GC_FGD, np.uint8)
    if background.quiet:
        return seeds_by_barrier(_lab(pixels), background.threshold)
    return seeds_by_place(height, width)


def _cut(pixels: UInt8Array, seeds: UInt8Array, iterations: int) -> BoolArray:
    """GrabCut from the seeds, and the mask mended; seeds of one kind are the mask already."""
    product = np.isin(seeds, _PRODUCT)
    if product.all() or not product.any():
        return product
    seeds = seeds.copy()
    models = np.zeros((1, 65)), np.zeros((1, 65))  # 5 Gaussians of 13 numbers each
    cv2.setRNGSeed(0)  # of this thread: its k-means starts at random
    mode = cv2.GC_INIT_WITH_MASK
    cv2.grabCut(pixels, seeds, (0, 0, 1, 1), *models, iterations, mode)  # no rectangle is read
    return drop_crumbs(fill_holes(smooth(np.isin(seeds, _PRODUCT), MEND_RADIUS)))

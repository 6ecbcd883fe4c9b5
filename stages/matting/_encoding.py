"""The input of FBA matting: the image and its trimap as channels.

Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020, section 3.1; the distance channels
are those of Le, Mai, Price, Cohen, Jin and Liu, Interactive Boundary Prediction for Object
Selection, ECCV 2018.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.types import BoolArray, FloatArray, UInt8Array
from stages.matting._refinement import Estimate
from stages.matting._trimap import Trimap, distance_to

MEAN = (0.485, 0.456, 0.406)  # of ImageNet, channels in [0, 1], as the authors' encoder learned
STD = (0.229, 0.224, 0.225)
SIGMAS = (0.02 * 320, 0.08 * 320, 0.16 * 320)  # pixels, as published, at every image size

CHANNELS = 11  # 3 of the image, 3 + 3 distances to background and foreground, 2 of the trimap
WITH_SALIENCY = 12  # the compact network also sees the map that the trimap was made of

MULTIPLE = 8  # of pixels: the networks halve their input three times


def encode(pixels: UInt8Array, trimap: Trimap, saliency: FloatArray | None = None) -> FloatArray:
    """(H, W, 3) RGB and its trimap as (11, H, W) float32; with a saliency (H, W): (12, H, W).

    Channel order as in the authors' release: normalised RGB, nearness to the known background
    and to the known foreground at three scales each, background, foreground.
    """
    colours = (pixels.astype(np.float32) / 255.0 - MEAN) / STD
    channels = [
        *colours.transpose(2, 0, 1),
        *_nearness(trimap.background),
        *_nearness(trimap.foreground),
        trimap.background,
        trimap.foreground,
    ]
    if saliency is not None:
        channels.append(saliency)
    return np.stack(channels).astype(np.float32)


def _nearness(known: BoolArray) -> list[FloatArray]:
    """Gaussians of the distance to what is known: 1 on it; 0 everywhere when nothing is."""
    squared = np.square(distance_to(known))
    return [np.exp(-squared / np.float32(2.0 * sigma**2)) for sigma in SIGMAS]


def network_estimate(run: Callable[[FloatArray], FloatArray], *, with_saliency: bool) -> Estimate:
    """``run``: (1, C, H, W) -> (1, 1 or more, H, W), alpha first; H and W are multiples of 8."""

    def estimate(pixels: UInt8Array, saliency: FloatArray, trimap: Trimap) -> FloatArray:
        channels = encode(pixels, trimap, saliency if with_saliency else None)
        output = run(padded(channels, MULTIPLE)[None])
        height, width = saliency.shape
        return np.asarray(output[0, 0, :height, :width], np.float32)

    return estimate


def padded(channels: FloatArray, multiple: int) -> FloatArray:
    """(C, H, W) with its last row and column repeated up to multiples of ``multiple``."""
    _, height, width = channels.shape
    return np.pad(channels, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="edge")

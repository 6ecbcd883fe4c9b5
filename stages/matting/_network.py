"""A matting network as an estimate: encode, pad, run, cut."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from engine.types import FloatArray, UInt8Array
from stages.matting._encoding import encode
from stages.matting._refinement import Estimate
from stages.matting._trimap import Trimap

MULTIPLE = 8  # of pixels: the networks halve their input three times


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

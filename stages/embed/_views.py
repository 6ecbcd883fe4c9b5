"""The views of a cutout that are embedded: as it was cut, on white, or both; stretched.

Where the cutter keeps the background (``crop``), the background helps when the mask is incorrect
and disturbs when it is uninformative. On white it is the other way round.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import cv2
import numpy as np

from engine.distances import unit_rows
from engine.types import Cutout, FloatArray, UInt8Array

Views = Literal["cut", "white", "both"]
Join = Literal["concatenate", "average"]


def on_white(cutout: Cutout) -> Cutout:
    """The product on white; unchanged for an empty matte, which stands for the whole image."""
    if float(cutout.alpha.max()) <= 0.5:
        return cutout
    weight = cutout.alpha[..., None]
    blended = cutout.pixels * weight + np.float32(255) * (np.float32(1) - weight)
    pixels: UInt8Array = np.rint(blended).astype(np.uint8)
    return replace(cutout, pixels=pixels)


def stretched(cutout: Cutout) -> Cutout:
    """The box that was cut out, brought to the whole square: nothing around it, its aspect lost."""
    left, top, right, bottom = cutout.box
    width, height, side = right - left, bottom - top, cutout.side
    # As ``stages.cutout._square`` lays the box into the square.
    scale = side / max(width, height)
    inner = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (side - inner[0]) // 2, (side - inner[1]) // 2
    part = slice(y, y + inner[1]), slice(x, x + inner[0])
    pixels, alpha = (
        cv2.resize(plane[part], (side, side), interpolation=cv2.INTER_LINEAR)
        for plane in (cutout.pixels, cutout.alpha)
    )
    return replace(cutout, pixels=np.asarray(pixels, np.uint8), alpha=np.asarray(alpha, np.float32))


def trusts(cutouts: Sequence[Cutout]) -> FloatArray:
    """(N,) in [0, 1]: the weight of the view on white; 1 without a trust stage."""
    return np.array(
        [1.0 if cutout.trust is None else cutout.trust for cutout in cutouts], np.float32
    )


def joined(cut: FloatArray, white: FloatArray, trust: FloatArray, join: Join) -> FloatArray:
    """(N, D) each, and (N,) -> (N, 2 D) or (N, D), rows of length 1.

    Both views are brought to length 1 and weigh 1 and ``trust``. Concatenated they are scaled by
    the square roots of their weights (of sum 1), so that the inner product of two rows of equal
    trust is the weighted mean of the two cosines.
    """
    weight = (trust / (1 + trust))[:, None]
    first, second = unit_rows(cut), unit_rows(white)
    if join == "concatenate":
        return np.concatenate([np.sqrt(1 - weight) * first, np.sqrt(weight) * second], axis=1)
    return unit_rows((1 - weight) * first + weight * second)

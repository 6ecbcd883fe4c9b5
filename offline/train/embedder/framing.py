"""A cutout turned, stretched and cut anew, as another photo's mask would have cut it."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, Box, Float64Array, UInt8Array
from offline.train.embedder.recipe import Framing

# Of the product's longer side, around it: as `[cutout] name = "crop"` cuts by default.
MARGIN = 0.05
SOLID = 128  # alpha from which a pixel counts as product
BACKGROUND = (255.0, 255.0, 255.0, 0.0)  # beyond the image: white, no product


def reframed(
    rgba: UInt8Array, side: int, framing: Framing, random: np.random.Generator
) -> tuple[UInt8Array, BoolArray]:
    """(side, side, 4), and where its frame is: (side, side), False in the white bands beside it
    that make it square."""
    x1, y1, x2, y2 = solid_box(rgba[..., 3])
    linear = _linear(framing, random)
    middle = np.array([(x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2])
    half = np.abs(linear) @ np.array([(x2 - x1) / 2, (y2 - y1) / 2])
    longer = 2 * float(half.max())
    off = MARGIN + framing.slack * random.uniform(-0.5, 1.0, 4)
    low, high = -half - off[:2] * longer, half + off[2:] * longer
    extent = np.maximum(high - low, 1.0)
    scale = side / float(extent.max())
    # Output = scale * (linear @ (input - middle) - centre of the frame) + centre of the square.
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * linear
    matrix[:, 2] = (side - 1) / 2 - matrix[:, :2] @ middle - scale * (low + high) / 2
    warped = cv2.warpAffine(
        _shrunk(rgba, matrix, scale),
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BACKGROUND,
    )
    return np.asarray(warped, np.uint8), _frame(side, scale * extent)


def solid_box(alpha: UInt8Array) -> Box:
    """Around what is product; the whole of an image without any."""
    solid = alpha >= SOLID
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return 0, 0, alpha.shape[1], alpha.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _linear(framing: Framing, random: np.random.Generator) -> Float64Array:
    """(2, 2). The same number of draws whatever the options, so that these are independent."""
    angle = np.deg2rad(framing.rotation * random.uniform(-1, 1))
    across, shear = 1 + framing.stretch * random.uniform(-1, 1, 2)
    mirror = random.random() < 0.5 and framing.flip
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    bend = np.array([[-across if mirror else across, (shear - 1) / 2], [0.0, 1.0]])
    return np.asarray(turn @ bend)


def _shrunk(rgba: UInt8Array, matrix: Float64Array, scale: float) -> UInt8Array:
    """Averaged first where it would shrink below two thirds: bilinear weights skip pixels. The
    matrix is changed to fit."""
    if scale > 2 / 3:
        return rgba
    half = cv2.resize(rgba, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5])  # the centres of 2 x 2 pixels
    matrix[:, :2] *= 2
    return np.asarray(half, np.uint8)


def _frame(side: int, extent: Float64Array) -> BoolArray:
    width, height = np.clip(np.rint(extent), 1, side).astype(int).tolist()
    frame = np.zeros((side, side), np.bool_)
    top, left = (side - height) // 2, (side - width) // 2
    frame[top : top + height, left : left + width] = True
    return frame

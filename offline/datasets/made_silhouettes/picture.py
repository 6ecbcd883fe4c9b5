"""A drawing made a picture: white on black, one piece, of a size and frame of its own."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, UInt8Array
from offline.datasets.made_silhouettes.strokes import Part

_LONGER = (150, 420)  # px of the shape's longer side
_MARGIN = 0.09  # of that, on every side at most; MPEG-7's pictures are cut close as well
_LEFT = 0.2  # the least share of a shape that a hole leaves
_FRACTION = 4  # binary digits of a pixel that OpenCV draws by


def drawn(parts: Sequence[Part], member: np.random.Generator) -> UInt8Array:
    """(H, W) uint8, 255 on the largest piece of what the parts leave."""
    corners = np.concatenate([part.points for part in parts if part.solid])
    low, span = corners.min(axis=0), np.ptp(corners, axis=0)
    scale = member.uniform(*_LONGER) / span.max()
    canvas = np.zeros((int(span[1] * scale) + 3, int(span[0] * scale) + 3), np.uint8)
    for part in parts:
        at = ((part.points - low) * scale + 1) * 2**_FRACTION
        _fill(canvas, np.round(at).astype(np.int32), solid=part.solid)
    return _framed(_largest(canvas), member)


def _fill(canvas: UInt8Array, corners: npt.NDArray[np.int32], *, solid: bool) -> None:
    """Draw a part in place; a hole that would leave next to nothing is left out."""
    before = None if solid else canvas.copy()
    cv2.fillPoly(canvas, [corners], 255 if solid else 0, shift=_FRACTION)
    if before is not None and np.count_nonzero(canvas) < _LEFT * np.count_nonzero(before):
        canvas[:] = before


def _largest(canvas: UInt8Array) -> UInt8Array:
    _, labels, stats, _ = cv2.connectedComponentsWithStats(canvas, connectivity=8)
    piece = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    x, y, wide, high = stats[piece][: cv2.CC_STAT_AREA]
    cut: BoolArray = labels[y : y + high, x : x + wide] == piece
    return cut.view(np.uint8) * np.uint8(255)


def _framed(shape: UInt8Array, member: np.random.Generator) -> UInt8Array:
    margins = member.uniform(0.005, _MARGIN, 4) * max(shape.shape)
    top, bottom, left, right = (max(1, round(margin)) for margin in margins)
    return np.pad(shape, ((top, bottom), (left, right)))

"""Two contours as SVG paths in one frame, to show where the shapes differ."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import BoolArray, Contour

# Side of the SVG view box. Paths of contours of any side are scaled to it.
VIEW_SIDE = 100

# Every cell becomes 4 x 4 pixels before tracing: OpenCV follows pixel centres, so the path
# lies an eighth of a cell inside the true edge instead of half a cell.
_UPSAMPLING = 4

# Douglas-Peucker tolerance in cells: flattens the staircase of a slanted edge, whose inner corners
# lie up to 0.71 cells from the line through the outer ones, and keeps what is wider than a cell.
_TOLERANCE = 0.8

NO_CONTOUR = "no contour"


@dataclass(frozen=True)
class Overlay:
    """Both contours as SVG path data in a ``VIEW_SIDE`` view box; "" for an empty contour."""

    query: str
    hit: str

    @property
    def drawable(self) -> bool:
        return bool(self.query or self.hit)

    @property
    def note(self) -> str:
        """Which contour is missing; "" when both are there."""
        if not self.drawable:
            return NO_CONTOUR
        if not self.query:
            return f"{NO_CONTOUR} in the photo"
        return "" if self.hit else f"{NO_CONTOUR} in the catalogue image"


def svg_path(contour: Contour) -> str:
    """SVG path data of a contour, one closed ring a boundary; fill it by the rule ``evenodd``.

    Holes are rings like any other. Coordinates run from 0 to ``VIEW_SIDE``, x to the right and
    y down, rounded to a tenth. Simplified after Douglas and Peucker (Cartographica, 1973).
    """
    if contour.area == 0:
        return ""
    scale = VIEW_SIDE / contour.side
    return "".join(_path(_simplify(ring), scale) for ring in _rings(contour.mask()))


def _rings(mask: BoolArray) -> list[npt.NDArray[np.float32]]:
    """Every boundary, outer and inner, as (N, 2) x, y in cells."""
    block = np.ones((_UPSAMPLING, _UPSAMPLING), np.uint8)
    large = np.kron(mask.astype(np.uint8), block)
    rings, _ = cv2.findContours(large, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    return [((ring.reshape(-1, 2) + 0.5) / _UPSAMPLING).astype(np.float32) for ring in rings]


def _simplify(ring: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    simple = np.asarray(cv2.approxPolyDP(ring, _TOLERANCE, True), np.float32).reshape(-1, 2)
    # Two points enclose nothing: a single cell would vanish.
    return simple if len(simple) > 2 else ring


def _path(ring: npt.NDArray[np.float32], scale: float) -> str:
    points = [f"{x * scale:.1f} {y * scale:.1f}" for x, y in ring.tolist()]
    return f"M{'L'.join(points)}Z"

"""Parts of drawings: filled polygons, fine enough to be bent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]  # (M, 2) x, y; drawings reach from about -1 to 1, y down

_STEP = 0.04  # between neighbouring corners, so that straight edges can bend


@dataclass(frozen=True, eq=False)
class Part:
    """A polygon that is filled, or that cuts a hole into the parts before it."""

    points: Points
    solid: bool = True

    def hole(self) -> Part:
        return Part(self.points, solid=False)


def polygon(corners: Iterable[tuple[float, float]], rounds: int = 0) -> Part:
    """Through the corners, or rounded by cutting every corner ``rounds`` times (Chaikin,
    CGIP 1974)."""
    points = np.array(list(corners), np.float64)
    for _ in range(rounds):
        after = np.roll(points, -1, axis=0)
        points = np.stack([0.75 * points + 0.25 * after, 0.25 * points + 0.75 * after], 1)
        points = points.reshape(-1, 2)
    return Part(_fine(points))


def ellipse(x: float, y: float, wide: float, high: float, tilt: float = 0.0) -> Part:
    """``wide`` and ``high`` are its radii before it is tilted clockwise."""
    turn = np.linspace(0, 2 * math.pi, 48, endpoint=False)
    return Part(_placed(np.stack([wide * np.cos(turn), high * np.sin(turn)], 1), x, y, tilt))


def box(x: float, y: float, wide: float, high: float, tilt: float = 0.0) -> Part:
    """Its middle, its half width and half height."""
    corners = np.array([(-wide, -high), (wide, -high), (wide, high), (-wide, high)])
    return Part(_fine(_placed(corners, x, y, tilt)))


def lathe(profile: Sequence[tuple[float, float]], rounds: int = 0) -> Part:
    """Symmetric about the vertical: (height, half width) from top to bottom."""
    right = [(wide, at) for at, wide in profile]
    left = [(-wide, at) for at, wide in reversed(profile)]
    return polygon([*right, *left], rounds)


def polar(radii: Sequence[float] | Points, x: float = 0.0, y: float = 0.0, rounds: int = 0) -> Part:
    """Radii at equal angles, the first upwards, clockwise."""
    lengths = np.asarray(radii, np.float64)
    turn = np.linspace(0, 2 * math.pi, len(lengths), endpoint=False)
    corners = zip(x + lengths * np.sin(turn), y - lengths * np.cos(turn), strict=True)
    return polygon(corners, rounds)


def stroke(line: Points, widths: Points | Sequence[float]) -> list[Part]:
    """A brush along ``line`` (M, 2), its radius running through ``widths`` from end to end."""
    widths = np.asarray(widths, np.float64)
    fine = _fine(line, closed=False)
    along = np.linspace(0, 1, len(fine))
    radii = np.interp(along, np.linspace(0, 1, len(widths)), widths)
    discs = [ellipse(x, y, r, r) for (x, y), r in zip(fine, radii, strict=True)]
    steps = zip(fine[:-1], fine[1:], radii[:-1], radii[1:], strict=True)
    return [*discs, *(_joint(a, b, r, s) for a, b, r, s in steps)]


def limb(
    start: tuple[float, float],
    angle: float,
    length: float,
    widths: Sequence[float],
    curl: float = 0.0,
) -> tuple[list[Part], tuple[float, float]]:
    """A stroke from ``start`` on and where it ends; angle 0 is to the right, pi / 2 down.

    ``curl``: how far, in radians, its direction has turned at the end.
    """
    heading = angle + curl * np.linspace(0, 1, 17)[:-1]
    steps = np.stack([np.cos(heading), np.sin(heading)], 1) * length / len(heading)
    line = np.concatenate([[start], np.asarray(start) + np.cumsum(steps, axis=0)])
    return stroke(line, widths), (float(line[-1, 0]), float(line[-1, 1]))


def _joint(start: Points, end: Points, first: float, last: float) -> Part:
    """The four-cornered piece between two discs of a stroke."""
    along = end - start
    across = np.array([-along[1], along[0]]) / max(float(np.hypot(*along)), 1e-9)
    corners = [start + first * across, end + last * across, end - last * across]
    return Part(np.array([*corners, start - first * across]))


def _placed(points: Points, x: float, y: float, tilt: float) -> Points:
    turned = points @ np.array(
        [[math.cos(tilt), math.sin(tilt)], [-math.sin(tilt), math.cos(tilt)]]
    )
    placed: Points = turned + np.array([x, y])
    return placed


def _fine(corners: Points, *, closed: bool = True) -> Points:
    """More points on every edge that is longer than ``_STEP``."""
    ends = np.roll(corners, -1, axis=0) if closed else corners[1:]
    pieces = []
    for start, end in zip(corners, ends, strict=False):
        parts = max(1, math.ceil(float(np.hypot(*(end - start))) / _STEP))
        pieces.append(start + (end - start) * np.linspace(0, 1, parts, endpoint=False)[:, None])
    return np.concatenate(pieces if closed else [*pieces, corners[-1:]])

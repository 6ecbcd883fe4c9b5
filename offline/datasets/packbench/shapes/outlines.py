"""Outlines: stacked sections, which leave the circle where square and oval bodies need it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.shapes.meshes import (
    Array,
    Corner,
    Mesh,
    Section,
    creases,
    facing,
    held,
    loft,
    profile,
    sheet,
)

PUNT = 0.8  # mm, how far the middle of a foot is drawn in: it stands on a ring
MITRE = 0.6  # least cosine between a corner's sides and its bisector's normal: no spikes
STEPS = 9  # of a fillet: large shoulders must look round


@dataclass(frozen=True)
class Outline:
    """``levels`` (N, 4): half x, half y, corner and z of every section, from foot to rim, mm."""

    levels: Array

    @property
    def top(self) -> float:
        return float(self.levels[-1, 3])

    @property
    def girth(self) -> float:
        """The circumference at the widest level, mm, taken as an ellipse's (Euler 1773)."""
        x, y = self.levels[:, 0].max(), self.levels[:, 1].max()
        return float(2 * math.pi * math.sqrt((x * x + y * y) / 2))

    def at(self, z: float) -> Section:
        """The section at height ``z``."""
        heights = self.levels[:, 3]
        x, y, corner = (float(np.interp(z, heights, self.levels[:, i])) for i in range(3))
        return Section(x, y, corner)

    def rings(self) -> list[Array]:
        return [Section(x, y, corner).ring(0, z) for x, y, corner, z in self.levels]

    def inner(self, wall: float, floor: float) -> Outline:
        """The cavity of a wall this thick over a floor at z = ``floor``; the rim stays level."""
        line = np.column_stack([self.levels[:, :2].mean(axis=1), self.levels[:, 3]])
        ahead = _mitred(line)
        z = self.levels[:, 3] + wall * ahead[:, 0]
        sides = self.levels[:, :3] - wall * ahead[:, 1:]
        # An offset past a fillet's centre folds back: keep what lies below all that follows.
        kept = (z > floor) & (z <= np.minimum.accumulate(z[::-1])[::-1] + 1e-9)
        inside = np.column_stack([np.maximum(sides, 0.05), z])[kept]
        inside[-1, 3] = self.top
        foot = [*inside[0, :3], floor]
        centre = [1e-3, 1e-3, 1e-3, floor]
        return Outline(np.vstack([centre, foot, inside]))

    def below(self, z: float) -> Outline:
        """What lies under the plane at height ``z``, closed by it."""
        cut = self.at(z)
        kept = self.levels[self.levels[:, 3] < z]
        rim = [cut.half_x, cut.half_y, cut.corner, z]
        return Outline(np.vstack([kept, rim]))

    def solid(self) -> Mesh:
        """The closed body: flat under its foot and over its rim."""
        return skin([*self._centre(0), *self.levels, *self._centre(-1)])

    def hollow(self, cavity: Outline) -> Mesh:
        """The wall between this outline and ``cavity``, which reaches the same rim."""
        foot = self.levels[0]
        sunk = [foot * 0.9 + [0, 0, 0, PUNT], [1e-3, 1e-3, 1e-3, foot[3] + PUNT]]
        return skin([*sunk[::-1], *self.levels, *cavity.levels[::-1]])

    def wrap(self, low: float, high: float, width: float, rows: int = 7, grid: int = 40) -> Mesh:
        """A label on the front between two heights, ``width`` mm along the outline; with uv."""
        return sheet(
            [
                np.column_stack([facing(self.at(z), width, grid), np.full(grid, z)])
                for z in np.linspace(low, high, rows)
            ]
        )

    def _centre(self, end: int) -> list[Array]:
        return [np.array([1e-3, 1e-3, 1e-3, self.levels[end, 3]])]


def skin(levels: Sequence[Array]) -> Mesh:
    """The surface through levels as in ``Outline``, creased where their profile turns sharply."""
    stacked = np.vstack(levels)
    line = np.column_stack([stacked[:, :2].mean(axis=1), stacked[:, 3]])
    moved = np.concatenate([[True], np.linalg.norm(np.diff(line, axis=0), axis=1) > 1e-6])
    stacked = held(stacked[moved])
    line = np.column_stack([stacked[:, :2].mean(axis=1), stacked[:, 3]])
    return loft(Outline(stacked).rings(), creases(line))


def _mitred(line: Array) -> Array:
    """(N, 2) headings along a polyline, longer at corners, so that offset sides stay parallel."""
    steps = np.diff(line, axis=0)
    steps /= np.maximum(np.linalg.norm(steps, axis=1, keepdims=True), 1e-9)
    before, after = np.vstack([steps[:1], steps]), np.vstack([steps, steps[-1:]])
    middle = before + after
    middle /= np.maximum(np.linalg.norm(middle, axis=1, keepdims=True), 1e-9)
    along = np.maximum((middle * after).sum(axis=1, keepdims=True), MITRE)
    return np.asarray(middle / along, float)


def turned(section: Section, corners: Sequence[Corner], round_from: float = math.inf) -> Outline:
    """The outline of ``section`` whose half x follows a profile of ``corners``, foot to rim.

    Below z = ``round_from`` every side moves in by as much; above it the section becomes a
    circle while it narrows to its neck, the last two corners: a square bottle's round mouth.
    """
    half_x, z = profile([(0, corners[0][1]), *corners], STEPS)[1:].T
    inset = section.half_x - half_x
    half_y = np.maximum(section.half_y - inset, 1e-3)
    corner = np.maximum(section.corner - inset, min(section.corner, 0.3))
    over = z >= round_from
    if over.any():
        first, neck = int(np.argmax(over)), max(corner[0] for corner in corners[-2:])
        fraction = np.clip((half_x[first] - half_x) / max(half_x[first] - neck, 1e-6), 0, 1)[over]
        half_y[over] = half_y[first] + fraction * (neck - half_y[first])
        corner[over] = corner[first] + fraction * (neck - corner[first])
    return Outline(np.column_stack([half_x, half_y, corner, z]))


def dome(section: Section, low: float, rise: float, steps: int = 14) -> Array:
    """Levels of a dome that rises upright from ``section`` at ``low`` and closes, mm."""
    t = np.linspace(0, math.pi / 2, steps)
    sides = np.cos(t)[:, None] * [section.half_x, section.half_y, section.corner]
    return np.column_stack([np.maximum(sides, 1e-3), low + rise * np.sin(t)])

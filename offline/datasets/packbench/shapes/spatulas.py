"""Spatulas: a bar along x whose width, thickness, lift and bowl change on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.shapes.meshes import Array, Mesh, loft

STEPS = 190  # rings along the bar
ACROSS = 28  # points over its upper face
BLUNT = 5  # exponent of the cross section: a moulded bar with rounded edges


@dataclass(frozen=True)
class Blade:
    """One end of a spatula, all in mm. ``square`` 2 is an ellipse, 7 nearly a rectangle."""

    length: float
    width: float
    square: float = 2.2
    bowl: float = 0  # depth of the hollow
    thin: float = 0.55  # of the handle's thickness, at the very end

    def widths(self, into: Array) -> Array:
        """(N,) widths at ``into``, mm from the tip."""
        fraction = np.clip(into / self.length, 0, 1)
        oval = np.clip(1 - np.abs(2 * fraction - 1) ** self.square, 0, 1) ** (1 / self.square)
        return self.width * np.asarray(oval, float)

    def sunk(self, into: Array) -> Array:
        """(N,) depth of the hollow along the middle."""
        fraction = np.clip(into / self.length, 0, 1)
        return self.bowl * np.sin(math.pi * np.clip(fraction * 1.06, 0, 1)) ** 0.8


@dataclass(frozen=True)
class Dent:
    """A round hollow in the upper face, mm: an engraved dot, a thumb rest."""

    x: float
    radius: float
    depth: float

    def sunk(self, x: Array, y: Array) -> Array:
        away = np.hypot(x - self.x, y) / self.radius
        return self.depth * np.clip((1 - away) * 4, 0, 1)


@dataclass(frozen=True)
class Grooves:
    """Ridges across the handle for the fingers, from ``low`` to ``high`` along x, mm."""

    low: float
    high: float
    count: int
    depth: float

    def sunk(self, x: Array, y: Array) -> Array:
        fraction = (x - self.low) / (self.high - self.low)
        inside = (fraction > 0) & (fraction < 1)
        return self.depth * inside * (0.5 - 0.5 * np.cos(2 * math.pi * self.count * fraction)) ** 2


Relief = Dent | Grooves


@dataclass(frozen=True)
class Spatula:
    """A handle along x with a blade on its right and perhaps one on its left, mm."""

    length: float
    handle: float  # width
    thickness: float
    right: Blade
    left: Blade | None = None
    flare: float = 1  # the handle's foot over its neck
    arch: float = 2  # how far the middle rises off the table
    lift: float = 0  # how far the right end curves up
    relief: tuple[Relief, ...] = ()

    def mesh(self) -> Mesh:
        """The bar, lying on z = 0."""
        t = np.linspace(0, 1, STEPS)
        t = t - np.sin(2 * math.pi * t) * (0.85 / (2 * math.pi))  # dense towards the round ends
        along = t * self.length
        widths = np.maximum(self._widths(along), 0.05)
        thick = self.thickness * np.minimum(self._taper(along), np.sqrt(widths / self.handle))
        middle = self._path(t)
        bowl = self.right.sunk(self.length - along)
        if self.left:
            bowl = bowl + self.left.sunk(along)
        x = along - self.length / 2
        rings = [self._ring(*row) for row in zip(x, widths, thick, middle, bowl, strict=True)]
        ends = [np.repeat(r.mean(axis=0)[None], len(r), axis=0) for r in (rings[0], rings[-1])]
        bar = loft([ends[0], *rings, ends[1]])
        return bar.moved(z=-float(bar.vertices[:, 2].min()))

    def _widths(self, along: Array) -> Array:
        reach = self.length - 0.6 * self.right.length
        foot = self.handle * self.flare
        bare = foot + (self.handle - foot) * np.clip(along / (0.75 * reach), 0, 1)
        end = np.sqrt(np.clip(1 - np.clip(1 - along / (foot / 2), 0, 1) ** 2, 0, 1))
        ahead = np.clip((reach - along) / (0.3 * self.right.length), 0, 1)
        bare = bare * (1 if self.left else end) * ahead
        blades = [self.right.widths(self.length - along)]
        if self.left:
            start = 0.6 * self.left.length
            bare = bare * np.clip((along - start) / (0.3 * self.left.length), 0, 1)
            blades.append(self.left.widths(along))
        # A soft maximum (a 4-norm) lets the handle flow into its blades.
        total: Array = sum((part**4 for part in [bare, *blades]), np.zeros_like(along)) ** 0.25
        return total

    def _taper(self, along: Array) -> Array:
        ends = [(self.length - along, self.right)]
        ends += [(along, self.left)] if self.left else []
        fraction = np.ones_like(along)
        for into, blade in ends:
            towards = np.clip(into / blade.length, 0, 1)
            fraction = fraction * (blade.thin + (1 - blade.thin) * towards**1.2)
        return fraction

    def _path(self, t: Array) -> Array:
        hollow = max(self.right.bowl, self.left.bowl if self.left else 0)
        rise = self.arch * np.sin(math.pi * np.clip(t, 0, 1)) ** 2
        tip = self.lift * np.clip((t - 0.62) / 0.38, 0, 1) ** 2
        level: Array = self.thickness / 2 + hollow + rise + tip
        return level

    def _ring(self, x: float, width: float, thick: float, z: float, bowl: float) -> Array:
        fraction = np.sin(np.linspace(-math.pi / 2, math.pi / 2, ACROSS))
        edge = thick / 2 * np.clip(1 - np.abs(fraction) ** BLUNT, 0, 1) ** (1 / BLUNT)
        y = fraction * width / 2
        floor = z - bowl * (1 - fraction**2)
        at = np.full_like(y, x)
        sunk = sum((mark.sunk(at, y) for mark in self.relief), np.zeros_like(y))
        upper = np.column_stack([at, y, floor + edge - sunk])
        lower = np.column_stack([at, y, floor - edge])
        return np.vstack([lower, upper[::-1]])

"""Bars bent round an axis or along a path: thumb lips, hinge leaves, clips, beaks and spouts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from offline.datasets.packbench.shapes.meshes import Array, Mesh, loft

SIDES = 20  # points round a bar


def outline(power: float, sides: int = SIDES) -> Array:
    """(sides, 2) points of a unit superellipse (Lamé), counter-clockwise: 2 round, 6 boxy."""
    angle = (np.arange(sides) + 0.5) * (2 * math.pi / sides)
    both = np.column_stack([np.cos(angle), np.sin(angle)])
    return np.asarray(np.sign(both) * np.abs(both) ** (2 / power), float)


def bent_bar(
    radius: float,
    start: float,
    stop: float,
    wide: float,
    tall: float,
    *,
    power: float = 4,
    oval: float = 1,
    sides: int = 8,
) -> Mesh:
    """A bar round the z axis at ``radius`` from azimuth ``start`` to ``stop``, degrees.

    ``wide`` across and ``tall`` along z, mm; its ends run out. ``oval`` scales y.
    """
    count = max(8, round(abs(stop - start) / 5))
    turn = np.radians(np.linspace(start, stop, count))
    unit = outline(power, sides) / 2
    faded = np.minimum(1, 0.02 + np.minimum(np.arange(count), np.arange(count)[::-1]) / 2)
    rings = [
        _bent_ring(radius, angle, unit * (tall * fade, wide * fade))
        for angle, fade in zip(turn, faded, strict=True)
    ]
    return loft(_closed(rings)).scaled(y=oval)


def _bent_ring(radius: float, angle: float, section: Array) -> Array:
    """A section (N, 2) of z and radial offsets, standing across the turn."""
    reach = radius + section[:, 1]
    return np.column_stack([reach * math.cos(angle), reach * math.sin(angle), section[:, 0]])


def limb(
    path: Array,
    widths: Sequence[float] | Array,
    heights: Sequence[float] | Array,
    *,
    power: float = 2.6,
    dish: Sequence[float] | Array | None = None,
) -> Mesh:
    """A closed bar along ``path`` (N, 2) in the xz plane; ``widths`` along y, both halves, mm.

    ``dish`` in [0, 1] hollows the upper side: the saddle of a thumb pad.
    """
    ahead = np.gradient(path, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    unit = outline(power)
    hollow = np.zeros(len(path)) if dish is None else np.asarray(dish, float)
    rings = []
    for (x, z), (dx, dz), wide, tall, deep in zip(
        path, ahead, widths, heights, hollow, strict=True
    ):
        up = unit[:, 1] * tall * (1 - deep * (unit[:, 1] > 0) * (1 - unit[:, 0] ** 2))
        rings.append(np.column_stack([x - dz * up, unit[:, 0] * wide, z + dx * up]))
    closed = _closed(rings)
    return loft(closed, [False, True, *[False] * (len(rings) - 2), True, False])


def _closed(rings: list[Array]) -> list[Array]:
    first, last = (
        np.repeat(ring.mean(axis=0)[None], len(ring), axis=0) for ring in (rings[0], rings[-1])
    )
    return [first, *rings, last]

"""Free outlines seen from above, and what is swept or spread over them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from offline.datasets.packbench.shapes.meshes import (
    Array,
    Corner,
    Mesh,
    Section,
    creases,
    held,
    loft,
    profile,
)

COUNT = 144  # points of an outline: one every 1.3 mm of a 60 mm puff
Height = Callable[[Array, Array, Array], Array]
"""z, mm, over x, y and the fraction of the way from the middle (0) to the outline (1)."""


def evenly(points: Array, count: int = COUNT) -> Array:
    """(count, 2) points at equal distances along the closed polyline ``points`` (N, 2)."""
    ring = np.vstack([points, points[:1]])
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(ring, axis=0), axis=1))])
    wanted = np.linspace(0, along[-1], count, endpoint=False)
    return np.column_stack([np.interp(wanted, along, ring[:, axis]) for axis in (0, 1)])


def of_section(section: Section, count: int = COUNT) -> Array:
    """(count, 2) points of a rounded rectangle, counter-clockwise."""
    return evenly(section.ring(0, 0)[:, :2], count)


def hull(discs: Sequence[tuple[float, float, float]], count: int = COUNT) -> Array:
    """(count, 2) points of a belt round discs (x, y, radius) that are listed counter-clockwise.

    Three equal discs make a rounded triangle, a large and a small one a drop.
    """
    leaves = []  # the direction in which the belt leaves each disc, outwards
    for (x, y, r), (next_x, next_y, next_r) in zip(discs, [*discs[1:], discs[0]], strict=True):
        apart = math.hypot(next_x - x, next_y - y)
        heading = math.atan2(next_y - y, next_x - x)
        leaves.append(heading - math.acos((r - next_r) / apart))
    arcs = []
    for i, (x, y, r) in enumerate(discs):
        turn = (leaves[i] - leaves[i - 1]) % (2 * math.pi)
        angle = leaves[i - 1] + np.linspace(0, turn, 48)
        arcs.append(np.column_stack([x + r * np.cos(angle), y + r * np.sin(angle)]))
    return evenly(np.vstack(arcs), count)


def polygon(sides: int, radius: float, corner: float, count: int = COUNT) -> Array:
    """A regular polygon within ``radius``, its corners rounded by ``corner``; one at the back."""
    angle = math.pi / 2 + np.arange(sides) * (2 * math.pi / sides)
    away = radius - corner
    return hull([(away * math.cos(a), away * math.sin(a), corner) for a in angle], count)


def slices(outline: Array, count: int, gap: float) -> list[tuple[float, Array]]:
    """The outline cut from left to right: (middle x, centred points) of ``count`` equal widths."""
    low, high = outline[:, 0].min(), outline[:, 0].max()
    cuts = np.linspace(low - gap / 2, high + gap / 2, count + 1)
    pieces = []
    for left, right in pairwise(cuts):
        x = np.clip(outline[:, 0], left + gap / 2, right - gap / 2)
        middle = float(left + right) / 2
        pieces.append((middle, evenly(np.column_stack([x - middle, outline[:, 1]]), len(outline))))
    return pieces


def inset(outline: Array, by: float) -> Array:
    """``outline`` drawn in by ``by`` mm on the widest points of either axis."""
    reach = np.abs(outline).max(axis=0)
    return np.asarray(outline * np.maximum(1 - by / reach, 1e-4), float)


def sweep(outline: Array, corners: Sequence[Corner]) -> Mesh:
    """A profile, from the axis outwards and then upwards, swept round an outline.

    The profile's radius is measured along x; a ring within the outline keeps its proportions.
    """
    line = held(profile(corners))
    widest = line[:, 0].max()
    rings = [
        np.column_stack([outline * max(radius / widest, 1e-4), np.full(len(outline), z)])
        for radius, z in line
    ]
    return loft(rings, creases(line))


def spread(outline: Array, height: Height, rings: int = 24) -> Mesh:
    """An open surface within the outline, facing up, with uv over the outline's own extent."""
    fractions = np.linspace(1, 0, rings)
    flat = np.vstack([outline * fraction for fraction in fractions])
    fraction = np.repeat(fractions, len(outline))
    z = height(flat[:, 0], flat[:, 1], fraction)
    count, faces = len(outline), []
    here = np.arange(count)
    ahead = (here + 1) % count
    for low in range(0, count * (rings - 1), count):
        faces.append(np.column_stack([low + here, low + ahead, low + count + ahead]))
        faces.append(np.column_stack([low + here, low + count + ahead, low + count + here]))
    faces = faces[:-1]  # the innermost ring is a point
    reach = np.ptp(outline, axis=0)
    uv = (flat - outline.min(axis=0)) / reach
    return Mesh(np.column_stack([flat, z]), np.vstack(faces).astype(np.int32), uv)


def joined(*meshes: Mesh) -> Mesh:
    """One mesh of several; without uv."""
    starts = np.cumsum([0, *(len(mesh.vertices) for mesh in meshes[:-1])])
    faces = [mesh.faces + start for mesh, start in zip(meshes, starts, strict=True)]
    return Mesh(np.vstack([mesh.vertices for mesh in meshes]), np.vstack(faces).astype(np.int32))


def plate(section: Section, z: float) -> Mesh:
    """A thin print lying flat at height ``z``, facing up; with uv."""
    return spread(of_section(section), lambda x, y, fraction: np.full_like(x, z), 2)


def tilted(mesh: Mesh, degrees: float, y: float, z: float) -> Mesh:
    """Opened by ``degrees`` about a hinge along x through (y, z): the front edge rises."""
    return mesh.turned("x", -degrees, (0, y, z))


def smooth(mesh: Mesh, push: Array) -> Mesh:
    """Every vertex pushed along its own normal by ``push`` (V,) mm."""
    return replace(mesh, vertices=mesh.vertices + normals(mesh) * push[:, None])


def normals(mesh: Mesh) -> Array:
    """(V, 3) unit normals of the vertices, the mean of their faces' by area."""
    a, b, c = (mesh.vertices[mesh.faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    total = np.zeros_like(mesh.vertices)
    for i in range(3):
        np.add.at(total, mesh.faces[:, i], across)
    return np.asarray(total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12))

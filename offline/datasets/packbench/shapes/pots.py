"""Loose-powder pots: sifters with their holes and windows, shaker tops and puffs."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import (
    Corner,
    Mesh,
    Section,
    merged,
    revolve,
    sector,
    tube,
)
from offline.datasets.packbench.shapes.outlines import turned
from offline.datasets.packbench.shapes.parts import Part, Parts, moved

HOLE = 1.3  # mm, radius of a sifter's hole
FILM = 0.12  # mm: what lies on a surface is kept clear of it


def sifter(radius: float, z: float, plate: Material, powder: Material, pattern: str) -> Parts:
    """A dished plate that rests on a mouth at height ``z``, with powder showing in its openings.

    ``pattern``: "rings" or "rays" of holes, or "windows" under a plate that turns by a tab.
    """
    r = radius
    dish: list[Corner] = [
        (0, -1.4),
        (r - 1, -1.4),
        (r - 1, 0),
        (r, 0),
        (r, 1.3, 0.4),
        (r - 1.6, 1.3, 0.3),
        (r - 2.2, 0.2, 0.3),
        (0, 0.2),
    ]
    plane = 0.2 + FILM
    parts: Parts = (Part(revolve(dish).moved(z=z), plate),)
    if pattern == "windows":
        openings = [sector(0.28 * r, 0.78 * r, a, a + 38, plane) for a in range(10, 360, 90)]
        tab = tube([(-0.5 * r, 1), (0.5 * r, 1)], [1.1, 1.1]).turned("z", 70)
        parts += (Part(tab.moved(z=z), plate),)
    else:
        openings = _holes(r - 3.4, pattern, plane)
    return (*parts, Part(merged(openings).moved(z=z), powder))


def _holes(radius: float, pattern: str, z: float) -> list[Mesh]:
    rings = max(round(radius / 6.5), 2)
    holes = [sector(0.01, HOLE, 0, 360, z)]
    for k in range(1, rings + 1):
        count = 8 if pattern == "rays" else 6 * k
        turn = 0.0 if pattern == "rays" else 0.5 * k
        for angle in 2 * math.pi * (np.arange(count) + turn) / count:
            at = (radius - HOLE) * k / rings
            hole = sector(0.01, HOLE, 0, 360, z)
            holes.append(hole.moved(at * math.cos(angle), at * math.sin(angle)))
    return holes


def puff(section: Section, thick: float, pile: Material, ribbon: Material) -> Parts:
    """A soft pad on z = 0 with a rolled seam round its edge and a ribbon across its back."""
    r = section.half_x
    half = thick / 2
    pad = turned(
        section,
        [
            (r * 0.9, 0, 1),
            (r, half * 0.6, half * 0.8),
            (r, half * 1.2, half * 0.8),
            (r * 0.86, thick, half),
            (r * 0.3, thick + 0.8),
        ],
    ).solid()
    seam = turned(
        section,
        [
            (r - 0.6, half - 0.7, 0.3),
            (r + 0.5, half - 0.5, 0.4),
            (r + 0.5, half + 0.5, 0.4),
            (r - 0.6, half + 0.7, 0.3),
        ],
    )
    t = np.linspace(-1, 1, 17)
    rise = thick + 0.8 + 1.6 * (1 - t**2)
    path = list(zip(t * r * 0.93, rise - 1.4 * t**4, strict=True))
    strap = tube(path, [0.5] * len(t), flat=0.15 * r / 0.5)
    return (Part(pad, pile), Part(seam.solid(), ribbon), Part(strap, ribbon))


def knob(radius: float, z: float, material: Material) -> Part:
    """A small turned handle on top of a lid."""
    neck: list[Corner] = [(0, -1), (radius * 0.5, -1), (radius * 0.45, radius * 0.5, 1)]
    ball: list[Corner] = [(radius, radius, 1), (radius * 0.9, radius * 1.7, 2), (0, radius * 1.9)]
    return Part(revolve([*neck, *ball]).moved(z=z), material)


def petals(radius: float, z: float, material: Material, count: int = 16) -> Parts:
    """Raised rays pressed into a flat lid."""
    ray = tube([(0.35 * radius, 0), (0.8 * radius, 0)], [0.4, 0.9])
    rays = [ray.turned("z", 360 * k / count) for k in range(count)]
    ring: list[Corner] = [
        (0.86 * radius, -0.3),
        (0.9 * radius, -0.3),
        (0.9 * radius, 0.6, 0.2),
        (0.86 * radius, 0.6, 0.2),
        (0.86 * radius, -0.3),
    ]
    return moved((Part(merged([*rays, revolve(ring)]), material),), z=z)

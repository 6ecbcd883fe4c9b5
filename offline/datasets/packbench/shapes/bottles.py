"""Bottles and tottles: outlines from foot to neck, without their closures."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Corner, Section, revolve
from offline.datasets.packbench.shapes.outlines import Outline, turned
from offline.datasets.packbench.shapes.parts import Part, Parts
from offline.datasets.packbench.shapes.vessels import SEAM

NECK_HEIGHT = 8.0  # mm, under the closure


def bottle(
    section: Section,
    height: float,
    neck: float,
    *,
    shoulder: float = 6,
    slope: float = 2,
    foot: float = 3,
    taper: float = 1,
    waist: float = 0,
    waist_at: float = 0.5,
) -> Outline:
    """A body of this section up to ``height``, sloping in to a round neck of radius ``neck``.

    ``shoulder`` and ``foot`` are fillets, ``taper`` the top's half width over the foot's and
    ``waist`` how far the sides draw in most, at the fraction ``waist_at`` of the height, all mm.
    """
    half = section.half_x
    top = half * taper
    shoulder = min(shoulder, 0.8 * (top - neck))
    sides: list[Corner] = []
    if waist:
        t = np.linspace(0.06, 1 - 1.1 * shoulder / height, 20)
        within = np.linspace(0, 1, 20)
        crest = (waist_at - t[0]) / (t[-1] - t[0])
        # A squared sine, bent so that its crest lies at waist_at; its ends are level.
        drawn = waist * np.sin(math.pi * within ** (math.log(0.5) / math.log(crest))) ** 2
        sides = list(zip(half + (top - half) * t - drawn, t * height, strict=True))
    neck_foot = height + slope
    return turned(
        section,
        [
            (half, 0, foot),
            *sides,
            (top, height, shoulder),
            (neck, neck_foot, 1.2),
            (neck, neck_foot + NECK_HEIGHT),
        ],
        round_from=height - shoulder,
    )


def seat(outline: Outline) -> float:
    """The height at which the closure of a ``bottle`` stands."""
    return outline.top - NECK_HEIGHT + SEAM


def ferrule(radius: float, low: float, high: float, material: Material) -> Part:
    """A plain metal ring round a neck, between two heights."""
    ring: list[Corner] = [(0, 0), (radius, 0, 0.4), (radius, high - low, 0.6), (0, high - low)]
    return Part(revolve(ring).moved(z=low), material)


def tottle(radius: float, length: float, foot: float, seal: float = 6, flare: float = 1) -> Outline:
    """A tube standing on its cap at z = ``foot``: round below, pressed flat and sealed on top.

    The wall keeps its girth while it flattens, as film does; ``flare`` widens the seal.
    """
    shoulder = np.linspace(0, math.pi / 2, 10)
    levels = [
        [x, x, x, foot + 4 * (1 - math.cos(t))]
        for t in shoulder
        for x in [radius * (0.72 + 0.28 * math.sin(t))]
    ]
    rise = length - seal - 4
    for t in np.linspace(0.02, 1, 30):
        deep = max(radius * (1 - t**1.15), 0.9)
        wide = math.sqrt(2 * radius * radius - deep * deep)
        wide = radius + (wide - radius) * flare
        levels.append([wide, deep, wide, foot + 4 + rise * t])
    wide = levels[-1][0]
    levels += [[wide, 0.9, 0.9, foot + length - seal + 0.2], [wide, 0.9, 0.9, foot + length]]
    return Outline(np.array(levels))


def crimps(outline: Outline, material: Material, seal: float = 6, lines: int = 5) -> Parts:
    """The fine ridges that the sealing jaws press across a tottle's end."""
    top = outline.top
    wide = outline.at(top).half_x
    ridge = turned(
        Section(wide - 0.6, 1.25, 0.5), [(wide - 0.6, 0, 0.1), (wide - 0.6, 0.45, 0.1)]
    ).solid()
    step = (seal - 1.6) / lines
    return tuple(Part(ridge.moved(z=top - seal + 0.9 + step * k), material) for k in range(lines))

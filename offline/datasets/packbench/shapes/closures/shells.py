"""The hollow that every cap has: wall, cavity, thread and liner; and prints on its top."""

from __future__ import annotations

import numpy as np

from offline.datasets.packbench.materials import COLOURS, Material
from offline.datasets.packbench.shapes.meshes import (
    Corner,
    Mesh,
    Section,
    circle,
    coil,
    facing,
    revolve,
    sheet,
)
from offline.datasets.packbench.shapes.parts import Part, Parts

WALL = 1.6  # mm, of every moulded shell
SHADOW = Material("satin", "black")  # what a bore or a gap looks like
LINER = Material("satin", "ivory")  # EPE foam, punched from sheet


def shell(
    radius: float,
    height: float,
    outer: list[Corner],
    section: Section | None = None,
    *,
    ribs: int = 0,
    depth: float = 0.5,
    waist: float = 1,
    wall: float = WALL,
) -> Mesh:
    """A cap open below: a cavity ``height`` deep, then ``outer`` from the wall up to the axis."""
    inner = radius - wall
    top = radius * waist - wall  # a taper narrows the cavity too
    cavity: list[Corner] = [(0, height - WALL), (top, height - WALL), (inner, 0)]
    return revolve([*cavity, (radius, 0, 0.3), *outer], section, ribs=ribs, depth=depth)


def fittings(radius: float, height: float, material: Material, *, wall: float = WALL) -> Parts:
    """What shows from below in a straight cavity: a thread and a liner disc."""
    bore = radius - wall
    turns = 2.2 if height > 9 else 1.3
    low, rise = height * 0.28, min(height * 0.4, 3.2 * turns)
    # GCMI/SPI finishes: a 24 mm thread is about 1 mm deep with a pitch of 3.2 mm.
    thread = coil(bore, low, low + rise, turns, 0.8)
    disc = revolve([(0, 0), (bore - 0.6, 0), (bore - 0.6, 1.1), (0, 1.1)])
    return (Part(thread, material), Part(disc.moved(z=height - WALL - 1.05), LINER))


def grooved(radius: float, z: float, deep: float = 0.45, tall: float = 0.7) -> list[Corner]:
    """Corners of a groove round an outer wall: a gap line or a turned ring."""
    return [
        (radius, z - tall / 2),
        (radius - deep, z - tall / 6),
        (radius - deep, z + tall / 6),
        (radius, z + tall / 2),
    ]


def domed(radius: float, z: float, rise: float, points: int = 14) -> list[Corner]:
    """Corners of a quarter of an ellipse from the wall at ``z`` up to the axis."""
    turn = np.linspace(0, np.pi / 2, points)
    return [(float(radius * np.cos(t)), float(z + rise * np.sin(t))) for t in turn]


def printed(material: Material, artwork: int) -> Material:
    """The same surface with a print that shows on it: pale ink on dark colours."""
    value = COLOURS[material.colour]
    dark = sum(int(value[i : i + 2], 16) for i in (1, 3, 5)) < 330
    return Material(material.finish, material.colour, artwork, "white" if dark else "smoke")


def top_print(radius: float, z: float, material: Material, artwork: int) -> Part:
    """A print on a flat top, within ``radius``."""
    half = radius * 0.66
    vertices = np.array([(x, y, z + 0.06) for y in (-half, half) for x in (-half, half)], float)
    faces = np.array([[0, 1, 3], [0, 3, 2]], np.int32)
    uv = np.array([(0, 0), (1, 0), (0, 1), (1, 1)], float)
    return Part(Mesh(vertices, faces, uv), printed(material, artwork))


def front_print(
    radius: float,
    height: float,
    taper: float,
    material: Material,
    artwork: int,
    low: float = 0.22,
    high: float = 0.8,
) -> Part:
    """A print on the front of a wall from fraction ``low`` to ``high`` of its ``height``.

    ``taper`` is the wall's radius at the top over the one at the foot.
    """
    wall = [radius * (1 - (1 - taper) * fraction) for fraction in (low, high)]
    width = min(sum(wall) * 0.7, (high - low) * height * 2.2)
    rows = [
        np.column_stack([facing(circle(r), width, 24), np.full(24, fraction * height)])
        for r, fraction in zip(wall, (low, high), strict=True)
    ]
    return Part(sheet(rows), printed(material, artwork))

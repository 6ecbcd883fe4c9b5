"""Sticks: twist-up cases, raised bullets and soaps, and the caps that go over them."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, Section, circle, revolve
from offline.datasets.packbench.shapes.outlines import Outline, dome, skin, turned
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.vessels import lid, standing_beside

PLAY = 0.4  # mm, between parts that slide into each other
TIPS = ("slanted", "teardrop", "rounded")
SLANTS = {"slanted": 0.85, "teardrop": 1.25, "rounded": 0.0}  # rise over run of the cut


@dataclass(frozen=True)
class Stick:
    """A stick without its cap: where the cap sits, and how high it must be inside, mm."""

    parts: Parts
    outline: Outline  # of the case that carries the print
    seat: float
    rise: float
    volume_ml: float


def case(section: Section, low: float, high: float, edge: float = 0.5, foot: float = 0.5) -> Mesh:
    """A solid prism of this section between two heights, its edges broken."""
    r = section.half_x
    return turned(section, [(r, low, foot), (r, high, edge), (r - edge - 0.3, high)]).solid()


def inset(section: Section, by: float) -> Section:
    """A section with sides moved in by so many mm."""
    return Section(section.half_x - by, section.half_y - by, max(section.corner - by, 0.4))


def bullet(radius: float, low: float, high: float, tip: str) -> Mesh:
    """A lipstick bullet between two heights, its tip cut as ``TIPS`` names it, high on the left."""
    slant = SLANTS[tip]
    fillet = radius * (0.95 if tip == "rounded" else 0.35 if tip == "slanted" else 0.6)
    foot = high - slant * radius  # so that the raised side ends at the given height
    sides: list[Corner] = [(0, low), (radius, low), (radius, foot, fillet), (0, foot + 0.02)]
    mesh = revolve(sides)
    points = mesh.vertices.copy()
    fraction = np.clip((points[:, 2] - low) / (foot - low), 0, 1)
    points[:, 2] -= slant * points[:, 0] * fraction
    return replace(mesh, vertices=points, uv=None)


def lipstick(
    section: Section,
    base: float,
    sleeve: float,
    rise: float,
    case_of: Material,
    sleeve_of: Material,
    mass: Material,
    tip: str,
    foot: float,
) -> Stick:
    """A case up to ``base``, a metal sleeve over it and a bullet that rises from the sleeve.

    ``base``, ``sleeve`` and ``rise`` are their heights, ``foot`` the fillet they stand on, mm.
    """
    r = min(section.half_x, section.half_y)
    inner = inset(section, 1.1) if section.corner < r else circle(r - 1.1)
    carrier, core = circle(r * 0.72), r * 0.62
    top = base + sleeve
    mesh = bullet(core, top - 3, top + rise, tip)
    girdle = inset(section, 0.3)  # the fine groove between case and sleeve
    parts = (
        Part(case(section, 0, base, 0.4, foot), case_of),
        Part(case(girdle, base - 1, base + 0.8, 0.2), sleeve_of),
        Part(case(inner, base, base + 0.62 * sleeve, 0.6), sleeve_of),
        Part(cuff(carrier.half_x, core, base + 0.5 * sleeve, top), sleeve_of),
        Part(mesh, mass),
    )
    outline = turned(section, [(section.half_x, 0, 0.4), (section.half_x, base)])
    return Stick(parts, outline, base + 0.8, sleeve + rise, mesh.volume() / 1000)


def cuff(outer: float, inner: float, low: float, high: float) -> Mesh:
    """The open tube out of which a bullet rises."""
    gap = inner + PLAY / 2
    return revolve(
        [
            (0, low),
            (outer, low),
            (outer, high, 0.3),
            (gap, high, 0.2),
            (gap, high - 2),
            (0, high - 2),
        ]
    )


def soap(section: Section, low: float, high: float, crown: float) -> Mesh:
    """A block of this section with straight sides and a domed top, ``crown`` mm of it."""
    sides = turned(section, [(section.half_x, low), (section.half_x, high - crown)]).levels
    foot = np.array([[1e-3, 1e-3, 1e-3, low]])
    return skin([*foot, *sides, *_cushion(section, high - crown, crown)])


def _cushion(section: Section, low: float, rise: float) -> np.ndarray:
    """A flatter dome than a sphere's: a superellipse, as moulded by the cap's inside."""
    levels = dome(section, low, rise, 16)
    t = np.linspace(0, math.pi / 2, 16)[1:]
    levels = levels[1:].copy()
    levels[:, :3] = np.maximum(
        np.sqrt(np.cos(t))[:, None] * [section.half_x, section.half_y, section.corner], 1e-3
    )
    return levels


def wheel(section: Section, height: float, material: Material) -> Part:
    """The ribbed wheel at the foot that twists a stick up."""
    r = min(section.half_x, section.half_y) * 0.82
    rim: list[Corner] = [(0, 0), (r, 0, 0.5), (r, height, 0.5), (0, height)]
    return Part(revolve(rim, ribs=36, depth=0.7), material)


def capped(stick: Stick, cover: Parts, section: Section, placed: str) -> Parts:
    """The cap on its seat, standing beside a stick of this section, or nowhere."""
    if placed == "on":
        return moved(cover, z=stick.seat)
    beside = placed == "beside"
    return standing_beside(cover, section.half_x, section.half_y, 4) if beside else ()


def cap_over(
    stick: Stick,
    section: Section,
    material: Material,
    *,
    headroom: float = 2,
    edge: float = 0.8,
    crown: float = 0,
    wall: float = 0.7,
) -> Parts:
    """A cap of this section, high enough for what it covers; ``crown`` domes its top."""
    height = stick.rise + headroom + wall
    return lid(section, height, material, edge=edge, dome=crown, wall=wall)

"""What every vessel is made of: a hollow body with contents, a threaded neck, a leaning lid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import (
    Array,
    Corner,
    Mesh,
    Section,
    circle,
    coil,
    loft,
    revolve,
)
from offline.datasets.packbench.shapes.outlines import Outline, skin, turned
from offline.datasets.packbench.shapes.outlines import dome as over
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.parts import turned as rotated

GAP = 0.15  # mm: touching surfaces would fight for the same ray
SEAM = 0.6  # mm, between a closure and the shoulder it is screwed down to


def vessel(
    outline: Outline,
    material: Material,
    *,
    wall: float = 1.4,
    floor: float = 2,
    fill: Material | None = None,
    level: float = 0.8,
) -> tuple[Parts, float]:
    """A hollow body and its brimful volume in ml.

    ``fill`` shows up to ``level`` of the cavity's height through a see-through wall.
    """
    cavity = outline.inner(wall, floor)
    parts: Parts = (Part(outline.hollow(cavity), material),)
    if fill and material.see_through:
        surface = floor + level * (outline.top - floor)
        parts += (contents(outline, fill, surface, wall=wall, floor=floor),)
    return parts, cavity.solid().volume() / 1000


def contents(outline: Outline, fill: Material, z: float, *, wall: float, floor: float) -> Part:
    """What fills the cavity of a ``vessel`` up to the height ``z``."""
    wet = outline.inner(wall + GAP, floor + GAP)
    return Part(wet.below(z).solid(), fill)


def thread(radius: float, low: float, high: float, material: Material) -> Part:
    """One and a half turns of a screw finish on a neck of this radius."""
    return Part(coil(radius - 0.1, low, high, 1.5, 0.8), material)


def lid(
    section: Section,
    height: float,
    material: Material,
    *,
    edge: float = 1.5,
    dome: float = 0,
    ribs: int = 0,
    wall: float = 1.8,
    step: float = 0,
) -> Parts:
    """A lid open below, flat or domed, smooth or ribbed; ``step`` sets its top in, mm."""
    r = section.half_x
    under = height * 0.45 - wall if step else height - wall
    inside: list[Corner] = [(0, under), (r - wall, under, 0.8), (r - wall, 0), (r, 0, 0.3)]
    if dome:
        shell = turned(section, [*inside, (r, height)]).levels
        return (Part(skin([*shell, *over(section, height, dome)[1:]]), material),)
    crown: list[Corner] = [(r - step, height, edge), (0, height)]
    if step:
        crown = [(r, height * 0.45, 0.5), (r - step, height * 0.45, 0.3), *crown]
    elif ribs:
        rim, low = r - 0.8, height - edge
        crown = [(r, low - 1, 0.4), (rim, low - 0.4), (rim, height, edge), (0, height)]
    return (Part(revolve([*inside, *crown], section, ribs=ribs, depth=0.9), material),)


@dataclass(frozen=True)
class Lean:
    """How a lid rests against a vessel: ``tilt`` from upright, ``towards`` from +x, degrees."""

    tilt: float = 24
    towards: float = -4


LEAN = Lean()


def leaning(
    cover: Parts, half: float, vessel_radius: float, vessel_height: float, lean: Lean = LEAN
) -> Parts:
    """A lid of half width ``half``, its rim on the ground, propped against a vessel."""
    a = math.radians(lean.tilt)
    # The rim's plane touches the vessel's upper edge, or the rim's top its wall if that is higher.
    touch = min(vessel_height, 2 * half * math.cos(a))
    reach = vessel_radius + 0.3 + touch * math.tan(a) - half * math.sin(a)
    stood = moved(rotated(cover, "y", 90 - lean.tilt), reach, 0, half * math.cos(a))
    return rotated(stood, "z", lean.towards)


def whipped(radius: float, z: float, height: float = 3) -> Mesh:
    """The surface of a cream as a spatula leaves it: a shallow spiral that ends in a peak."""
    rings: list[Array] = [circle(radius).ring(0, z - 2)]
    for fraction in np.linspace(1, 0.01, 28):
        ring = circle(1).ring(0, 0)
        angle = np.arctan2(ring[:, 1], ring[:, 0])
        groove = np.sin(angle + 9 * fraction) * fraction * (1 - fraction**4)
        peak = np.exp(-((fraction / 0.22) ** 2))
        ring *= radius * fraction
        ring[:, 2] = z + height * (0.35 * groove + 0.8 * peak)
        rings.append(ring)
    bottom = circle(1e-3).ring(0, z - 2)
    tip = np.tile([0, 0, float(rings[-1][:, 2].max())], (len(bottom), 1))
    return loft([bottom, *rings, tip], [False, True, True, *[False] * 28])


def standing_beside(cover: Parts, half_x: float, half_y: float, gap: float = 5) -> Parts:
    """A cap on the ground, right of a vessel of these half extents.

    Their backs align, so that both rest on the ground when the image shows them lying.
    """
    points = np.vstack([part.mesh.vertices for part in cover])
    left, back = points[:, 0].min(), points[:, 1].max()
    return moved(cover, half_x + gap - float(left), half_y - float(back))

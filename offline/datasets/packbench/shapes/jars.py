"""Jars and tins: wide mouths, inner cups, threads and lids on, off and leaning."""

from __future__ import annotations

from dataclasses import dataclass

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, Section, circle, revolve
from offline.datasets.packbench.shapes.outlines import Outline, turned
from offline.datasets.packbench.shapes.parts import Part, Parts, moved
from offline.datasets.packbench.shapes.vessels import LEAN, Lean, leaning, thread, vessel, whipped

FINISH = 8.0  # mm, height of a jar's threaded neck
CLEARANCE = 2.6  # mm, from the neck's wall to the lid's outside


@dataclass(frozen=True)
class Jar:
    """An open jar: its parts, the outline of its outside, and what a lid must fit."""

    parts: Parts
    outline: Outline
    volume_ml: float
    neck: float  # outer radius of the round mouth, mm
    shoulder: float  # z on which the lid sits, mm


def jar(
    section: Section,
    height: float,
    body: Material,
    *,
    foot: float = 1,
    fillet: float = 3,
    shoulder: float = 2,
    wall: float = 3,
    floor: float = 4,
    neck: float | None = None,
) -> Jar:
    """A jar of this section up to ``height``, with a threaded round neck on top.

    ``foot`` is the foot's half width over the body's; ``neck`` defaults to what a flush lid fits.
    """
    half = section.half_x
    mouth = neck or min(half, section.half_y) - CLEARANCE
    corners: list[Corner] = [
        (half * foot, 0, fillet),
        (half, height, shoulder),
        (mouth, height + 0.4, 0.3),
        (mouth, height + FINISH - 0.8, 0.5),
        (mouth - 0.6, height + FINISH),
    ]
    outline = turned(section, corners, round_from=height - 0.3)
    parts, volume = vessel(outline, body, wall=wall, floor=floor)
    screw = thread(mouth, height + 2.4, height + 6, body)
    return Jar((*parts, screw), outline, volume, mouth, height)


def cup(pot: Jar, wall: float, depth: float, material: Material) -> Parts:
    """The opaque inner cup of a double-walled jar, with the flange that rests on its rim."""
    r, top = pot.neck - wall - 0.3, pot.outline.top
    lip = pot.neck - 0.2
    foot = top - depth
    corners: list[Corner] = [
        (0, foot),
        (r * 0.86, foot, r * 0.3),
        (r, foot + depth * 0.4, 3),
        (r, top + 0.15),
        (lip, top + 0.15),
        (lip, top + 1, 0.4),
        (r - 1.2, top + 1, 0.3),
        (r - 1.2, foot + depth * 0.4, 3),
        (r * 0.84, foot + 1.2, r * 0.3),
        (0, foot + 1.2),
    ]
    return (Part(revolve(corners), material),)


def filled(radius: float, z: float, depth: float, contents: Material, swirl: bool) -> Parts:
    """Cream to the height ``z``: a body under its surface, which is swirled or smooth."""
    low = revolve([(0, z - depth), (radius, z - depth, 2), (radius, z - 1), (0, z - 1)])
    top = whipped(radius, z) if swirl else _smooth(radius, z)
    return (Part(low, contents), Part(top, contents))


def _smooth(radius: float, z: float) -> Mesh:
    rim: list[Corner] = [(radius, z - 1.5), (radius, z, 0.8)]  # cream climbs a little at the wall
    return revolve([(0, z - 1.5), *rim, (radius * 0.6, z - 0.5, 8), (0, z - 0.6)])


def covered(pot: Jar, cover: Parts, placed: str, half: float, lean: Lean = LEAN) -> Parts:
    """The lid ``placed`` "on" the jar, or leaning "beside" it; ``half`` is its half width."""
    if placed == "beside":
        width = float(pot.outline.levels[:, 0].max())
        return leaning(cover, half, width, pot.shoulder, lean)
    return moved(cover, z=pot.shoulder + 0.7)


def band(radius: float, low: float, height: float, material: Material) -> Part:
    """A thin metal ring round a lid or a body."""
    r = radius + 0.25
    ring: list[Corner] = [
        (radius - 0.6, low),
        (r, low, 0.15),
        (r, low + height, 0.15),
        (radius - 0.6, low + height),
    ]
    return Part(revolve([*ring, ring[0]]), material)


def tin(radius: float, height: float, metal: Material, *, bead: float = 0.7) -> Jar:
    """A drawn aluminium tin: a low pan with a rolled bead under a curled rim."""
    line: list[Corner] = [
        (radius - 1.2, 0, 1),
        (radius - 1.2, height * 0.62, 0.3),
        (radius - 1.2 + bead, height * 0.62 + 0.8, 0.5),
        (radius - 1.4, height * 0.62 + 1.8, 0.5),
        (radius - 1.4, height - 0.8),
        (radius - 1, height - 0.3, 0.3),
        (radius - 1.3, height),
    ]
    outline = turned(circle(radius), line)
    parts, volume = vessel(outline, metal, wall=0.6, floor=0.9)
    return Jar(parts, outline, volume, radius - 1.4, height * 0.62 + 1.8)


def tin_lid(radius: float, height: float, metal: Material, panel: float, rings: int = 1) -> Parts:
    """A slip lid with a rolled lower edge and a raised or sunk panel, ``panel`` mm, pressed in."""
    top: list[Corner] = [(radius, height, 1.2)]
    for k in range(rings):
        at = radius * (0.9 - 0.1 * k) - 1
        top += [(at, height, 0.4), (at - 0.8, height + panel, 0.4)]
        top += [] if k == rings - 1 else [(at - 1.8, height + panel, 0.3), (at - 2.6, height, 0.3)]
    top.append((0, height + panel))
    inside: list[Corner] = [(0, height - 0.7), (radius - 0.7, height - 0.7, 0.5), (radius - 0.7, 0)]
    curl: list[Corner] = [(radius + 0.4, -0.1, 0.3), (radius + 0.4, 1, 0.3), (radius, 1.5)]
    return (Part(revolve([*inside, *curl, *top]), metal),)

"""Vessels: bottle, jar, loose-powder pot, roll-on and stick, from their measures."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures import screw_cap
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, Section, patch, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts, moved, turned


def body(
    corners: list[Corner],
    material: Material,
    section: Section | None = None,
    *,
    wall: float = 1.6,
    fill: Material | None = None,
    level: float = 0.8,
) -> tuple[Parts, float]:
    """A hollow body with this outer profile (foot to rim) and its brimful volume in ml.

    ``fill`` shows contents up to ``level`` of the height through a transparent wall.
    """  # fmt: skip
    rim = corners[-1]
    floor = wall * (2.2 if material.see_through else 1)
    inner: list[Corner] = [(0, floor)]
    for radius, z, *fillet in corners[1:-1]:
        inner.append((radius - wall, max(z - wall * (z > floor * 2), floor), *fillet))
    inner.append((rim[0] - wall, rim[1]))
    outside: list[Corner] = [*corners[:-1], (rim[0], rim[1], 0.4)]
    parts: Parts = (Part(revolve([*outside, *reversed(inner)], section), material),)
    cavity_section = section and Section(section.half_x, section.half_y, section.corner)
    cavity = revolve([*inner, (0, rim[1])], cavity_section)
    if fill:
        parts += (Part(_contents(inner, level * rim[1], cavity_section), fill),)
    return parts, cavity.volume() / 1000


def _contents(inner: list[Corner], level: float, section: Section | None) -> Mesh:
    gap = 0.15  # mm: touching surfaces would fight for the same ray
    below = [c for c in inner if c[1] < level]
    after = inner[len(below)] if len(below) < len(inner) else inner[-1]
    share = (level - below[-1][1]) / max(after[1] - below[-1][1], 1e-6)
    width = below[-1][0] + min(max(share, 0), 1) * (after[0] - below[-1][0])
    shrunk: list[Corner] = [(max(c[0] - gap, 0), c[1] + gap, *c[2:]) for c in below]
    return revolve([*shrunk, (width - gap, level), (0, level)], section)


def bottle(
    radius: float,
    height: float,
    material: Material,
    closure: Callable[[float], Parts],
    *,
    shoulder: float = 8,
    slope: float = 2,
    neck: float = 9,
    neck_height: float = 8,
    taper: float = 1,
    waist: float = 0,
    depth: float = 1,
    corner: float = 0,
    fill: Material | None = None,
    level: float = 0.8,
    label: str = "",
    label_span: float = 1.1,
) -> tuple[Parts, float]:
    """A bottle under ``closure(neck radius)``; ``depth`` < 1 or ``corner`` > 0 leave the circle.

    ``taper`` is the top's radius over the foot's, ``waist`` how far the middle draws in, mm.
    """  # fmt: skip
    top = radius * taper
    wall: list[Corner] = [(radius, 0, 4)]
    if waist:
        t = np.linspace(0.08, 0.86, 12)
        drawn = radius + (top - radius) * t - waist * np.sin(math.pi * t) ** 2
        wall += list(zip(drawn, t * height, strict=True))
    wall.append((top, height, shoulder))
    neck_corners: list[Corner] = [
        (neck, height + slope, 1.5), (neck, height + slope + neck_height)
    ]  # fmt: skip
    section = None
    if corner or depth != 1:
        section = Section(radius, radius * depth, corner or radius * depth)
    if section is None:
        parts, volume = body([(0, 0), *wall, *neck_corners], material, fill=fill, level=level)
    else:
        corners: list[Corner] = [(0, 0), *wall, (neck * min(depth, 1), height + slope * 0.4)]
        parts, volume = body(corners, material, section, fill=fill, level=level)
        ring = revolve([(0, -1), (neck, -1), (neck, neck_height), (0, neck_height)])
        parts += (Part(ring.moved(z=height), material),)
    seat = height + (slope if section is None else 0) + 0.6
    parts += moved(closure(neck + 1.9), z=seat)
    if label:
        outline = section or Section(radius, radius, radius)
        paper = patch(outline, height * 0.18, height * 0.66, radius * label_span)
        parts += (Part(paper, Material("satin", label)),)
    return parts, volume


def jar(
    radius: float,
    height: float,
    material: Material,
    lid: Material,
    *,
    lid_height: float = 16,
    foot: float = 1,
    ribs: int = 0,
    edge: float = 2,
    fillet: float = 4,
    dome: float = 0,
    band: str = "",
    fill: Material | None = None,
    corner: float = 0,
    open_lid: bool = False,
    wall: float = 3.5,
) -> tuple[Parts, float]:
    """A cream jar with its lid on, or with the lid leaning beside it and the cream in sight."""
    section = Section(radius, radius, corner) if corner else None
    neck = radius - 3
    corners: list[Corner] = [(0, 0), (radius * foot, 0, fillet), (radius, height, 3)]
    tall = height + (7 if open_lid else 0.5)
    corners += [(neck, height, 0.5), (neck, tall)] if section is None else [(neck, height)]
    parts, volume = body(corners, material, section, wall=wall, fill=fill, level=0.93)
    cover = screw_cap(radius, lid_height, lid, ribs=ribs, edge=edge, dome=dome, band=band)
    if section:
        crown: list[Corner] = [
            (0, 0),
            (radius, 0, 0.4),
            (radius, lid_height, edge),
            (0, lid_height),
        ]
        cover = (Part(revolve(crown, section), lid),)
    if open_lid:
        lean = moved(turned(cover, "x", 66), radius * 1.95, radius * 0.5, radius * 0.92)
        return (*parts, *lean), volume
    return (*parts, *moved(cover, z=height + 0.8)), volume


def powder_pot(
    radius: float,
    height: float,
    material: Material,
    lid: Material,
    powder: Material,
    *,
    lid_height: float = 12,
    open_lid: bool = True,
    dome: float = 0,
    holes: int = 3,
    sifter: str = "white",
    edge: float = 1.5,
) -> tuple[Parts, float]:
    """A clear pot of loose powder under a sifter with so many rings of ``holes``."""
    corners: list[Corner] = [
        (0, 0),
        (radius, 0, 2.5),
        (radius, height * 0.7, 1),
        (radius - 2, height * 0.7),
    ]
    corners += [(radius - 2, height)]
    parts, volume = body(corners, material, wall=2, fill=powder, level=0.72)
    rim = radius - 4.2
    sieve: list[Corner] = [
        (0, -2),
        (rim, -2),
        (rim, 0.8, 0.3),
        (rim - 2, 0.8),
        (rim - 2.5, 0),
        (0, 0),
    ]
    parts += (Part(revolve(sieve).moved(z=height), Material("satin", sifter)),)
    dark = Material("powder", powder.colour)
    for k in range(1, holes + 1):
        for angle in np.arange(6 * k) * (2 * math.pi / (6 * k)):
            r = (rim - 4) * k / holes
            hole = tube([(0, 0), (0, 0.12)], [1.5, 1.5])
            parts += (Part(hole.moved(r * math.cos(angle), r * math.sin(angle), height), dark),)
    cover = screw_cap(radius, lid_height, lid, edge=edge, dome=dome)
    if open_lid:
        lean = moved(turned(cover, "x", 66), radius * 1.95, radius * 0.5, radius * 0.92)
        return (*parts, *lean), volume
    return (*parts, *moved(cover, z=height * 0.7 + 0.8)), volume


def roll_on(
    radius: float,
    height: float,
    material: Material,
    cap: Material,
    ball: Material,
    *,
    neck: float = 0.62,
    shoulder: float = 3,
    cap_height: float = 22,
    cap_dome: float = 0,
    fill: Material | None = None,
    collar: str = "white",
    waist: float = 0,
) -> tuple[Parts, float]:
    """A roll-on: body, housing and ball, the cap standing beside it."""  # fmt: skip
    tight = radius * neck
    wall: list[Corner] = [(radius, 0, 2.5)]
    if waist:
        t = np.linspace(0.1, 0.85, 10)
        wall += list(zip(radius - waist * np.sin(math.pi * t) ** 2, t * height, strict=True))
    wall += [(radius, height, shoulder), (tight, height + radius * 0.25, 1)]
    parts, volume = body(
        [(0, 0), *wall, (tight, height + radius * 0.25 + 3)],
        material,
        wall=1.4,
        fill=fill,
        level=0.8,
    )
    top = height + radius * 0.25 + 1
    house: list[Corner] = [(0, 0), (tight + 0.7, 0), (tight + 0.7, tight * 0.6, 0.8)]
    house += [(tight * 0.84, tight * 0.75), (0, tight * 0.7)]
    parts += (Part(revolve(house).moved(z=top), Material("gloss", collar)),)
    t = np.linspace(-math.pi / 2, math.pi / 2, 25)
    globe = revolve([(tight * 0.84 * math.cos(a), tight * 0.84 * math.sin(a)) for a in t])
    parts += (Part(globe.moved(z=top + tight * 0.62), ball),)
    cover = screw_cap(max(tight + 2.2, radius * 0.96), cap_height, cap, dome=cap_dome)
    return (*parts, *moved(cover, x=radius * 2.35, y=-radius * 0.3)), volume


def stick(
    radius: float,
    height: float,
    case: Material,
    bullet: Material,
    *,
    collar: Material | None = None,
    corner: float = 0,
    rise: float = 16,
    bullet_radius: float = 0.72,
    slant: float = 0.9,
    cap: Material | None = None,
    cap_height: float = 34,
    dome: float = 0,
    depth: float = 1,
) -> tuple[Parts, float]:
    """A stick with its product raised: a slanted lipstick bullet, a domed deodorant or balm."""
    section = (
        Section(radius, radius * depth, corner or radius * depth) if corner or depth != 1 else None
    )

    def block(r: float, low: float, high: float, edge: float = 0.6) -> Mesh:
        outline = section and Section(r, r * depth, (corner or radius * depth) * r / radius)
        return revolve([(0, low), (r, low, edge), (r, high, edge), (0, high)], outline)

    parts: Parts = (Part(block(radius, 0, height), case),)
    sleeve, core = radius * 0.86, radius * bullet_radius
    top = height
    if collar:
        top = height + radius * 0.9
        parts += (Part(block(sleeve, height - 1, top, 0.3), collar),)
    outline = section and Section(core, core * depth, core * depth)
    crown: list[Corner] = [
        (0, top - 2),
        (core, top - 2),
        (core, top + rise, core * 0.55),
        (0, top + rise + dome),
    ]
    mesh = revolve(crown, outline)
    vertices = mesh.vertices.copy()
    vertices[:, 2] += slant * vertices[:, 0] * np.clip((vertices[:, 2] - top) / rise, 0, 1)
    raised = Mesh(vertices, mesh.faces)
    parts += (Part(raised, bullet),)
    if cap:
        cover = block(radius, 0, cap_height, 1)
        parts += (Part(cover.moved(x=radius * 2.6, y=radius * 0.5), cap),)
    return parts, raised.volume() / 1000

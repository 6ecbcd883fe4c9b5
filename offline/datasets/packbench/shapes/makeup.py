"""Compacts, palettes and applicators: hinged trays with pans, puffs and spatulas."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Array, Mesh, Section, box, loft, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts

SILVER = Material("mirror", "silver")


def tray(section: Section, height: float, recess: float, rim: float, edge: float = 1.2) -> Mesh:
    """A shallow tray with this outline: a recess ``recess`` deep inside a rim ``rim`` wide."""
    r = section.half_x
    return revolve(
        [(0, 0), (r, 0, edge), (r, height, edge * 0.6), (r - rim, height, 0.3),
         (r - rim, height - recess), (0, height - recess)], section,
    )  # fmt: skip


def slab(section: Section, inset: float, low: float, high: float, edge: float = 0.4) -> Mesh:
    r = section.half_x - inset
    return revolve([(0, low), (r, low), (r, high, edge), (0, high)], section)


def hinged_lid(
    section: Section, height: float, thickness: float, angle: float, case: Material, rim: float
) -> Parts:
    """A lid with a mirror inside, hinged at the back; ``angle`` 0 is shut."""
    shut = height + 2 * thickness + 0.4  # mirrored tray: its recess looks down
    lid = tray(section, thickness, 1.2, rim, 1.0).turned("x", 180)
    glass = slab(section, rim + 0.4, 0, 0.5).turned("x", 180).moved(z=-(thickness - 1.2) + 0.0)
    pivot = (0, section.half_y, height)
    pieces = ((lid, case), (glass, SILVER))
    hinge = tube([(-section.half_x * 0.35, 0), (section.half_x * 0.35, 0)], [1.6, 1.6])
    turned = tuple(
        Part(mesh.moved(z=shut - thickness).turned("x", -angle, pivot), material)
        for mesh, material in pieces
    )
    return (*turned, Part(hinge.moved(y=section.half_y, z=height), case))


def compact(
    section: Section,
    case: Material,
    powder: Material,
    *,
    height: float = 9,
    angle: float = 112,
    rim: float = 3.5,
    puff: str = "",
    emboss: bool = False,
    pan_rim: str = "silver",
    split: Material | None = None,
    plaque: str = "",
) -> Parts:
    """A powder compact: pan in the base, mirror in the lid, a thumb notch in front."""  # fmt: skip
    parts: Parts = (Part(tray(section, height, 3.5, rim), case),)
    parts += hinged_lid(section, height, 4.5, angle, case, rim)
    clasp = box(section.half_x * 0.34, 1.6, 2.6, 0.7, 0.5)
    parts += (Part(clasp.moved(y=-section.half_y - 0.4, z=height - 2.8), case),)
    if angle == 0:
        if plaque:
            badge = slab(section, section.half_x * 0.45, 0, 0.4).moved(z=height + 4.9)
            parts += (Part(badge, Material("metal", plaque)),)
        return parts
    pan = tray(section, 3, 0.8, 0.7, 0.2)
    inner = (section.half_x - rim - 0.6) / section.half_x
    floor = height - 3.4
    cake = slab(section, 0.9, 0.4, 2.5, 0.6)
    for mesh, material in ((pan, Material("metal", pan_rim)), (cake, powder)):
        parts += (Part(mesh.scaled(inner, inner, 1).moved(z=floor), material),)
    if emboss:
        for k in (0.62, 0.4, 0.18):
            ring = slab(section, 0, 2.4, 2.75, 0.15).scaled(k, k, 1).moved(z=floor)
            parts += (Part(ring, powder),)
    if split:
        half = slab(section, 1.0, 2.4, 2.62, 0.1).scaled(inner * 0.5, inner, 1)
        parts += (Part(half.moved(x=section.half_x * inner * 0.47, z=floor), split),)
    if puff:
        r = section.half_x * 0.62
        pad = revolve([(0, 0), (r, 0, 2.5), (r, 6, 2.5), (0, 6)])
        parts += (Part(pad.moved(z=height - 0.4, x=r * 0.2), Material("velour", puff)),)
    return parts


def palette(
    width: float,
    depth: float,
    case: Material,
    colours: Sequence[str],
    grid: tuple[int, int],
    *,
    round_pans: bool = False,
    angle: float | None = 115,
    height: float = 8,
    corner: float = 3,
    rim: float = 4,
    shimmer: Sequence[int] = (),
    pan_rim: str = "silver",
) -> Parts:
    """A flat box with ``grid`` = columns × rows of pans; ``angle`` None has no lid."""  # fmt: skip
    section = Section(width / 2, depth / 2, corner)
    parts: Parts = (Part(tray(section, height, 2.2, rim), case),)
    if angle is not None:
        parts += hinged_lid(section, height, 4, angle, case, rim)
    columns, rows = grid
    cell_x, cell_y = (width - 2 * rim) / columns, (depth - 2 * rim) / rows
    half_x, half_y = cell_x / 2 - 1.3, cell_y / 2 - 1.3
    round_half = min(half_x, half_y)
    pan = Section(half_x, half_y, 1.4)
    if round_pans:
        pan = Section(round_half, round_half, round_half)
    rim_mesh, cake = tray(pan, 1.6, 0.5, 0.6, 0.2), slab(pan, 0.7, 0.3, 1.45, 0.4)
    for i, colour in enumerate(colours):
        x = (i % columns - (columns - 1) / 2) * cell_x
        y = ((rows - 1) / 2 - i // columns) * cell_y
        finish = Material("brushed" if i in shimmer else "powder", colour)
        at = (x, y, height - 2.2)
        parts += (
            Part(rim_mesh.moved(*at), Material("metal", pan_rim)),
            Part(cake.moved(*at), finish),
        )
    return parts


def puff(
    radius: float,
    thickness: float,
    material: Material,
    *,
    ribbon: str = "",
    lobes: int = 0,
    square: float = 0,
    back: str = "",
) -> Parts:
    """A velour puff: round, lobed or square, with a satin back and a ribbon for the finger."""
    section = Section(radius, radius, square) if square else None
    half = thickness / 2
    pad = revolve(
        [(0, 0), (radius, 0, half * 0.95), (radius, thickness, half * 0.95), (0, thickness)],
        section,
    )
    parts: Parts = (Part(_fuzzy(_lobed(pad, lobes)), material),)
    if back:
        r = radius * 0.93
        satin = revolve(
            [(0, 0), (r, 0), (r * 0.97, 0.9, 0.4), (0, 1.4)], section and Section(r, r, square)
        )
        parts += (Part(_lobed(satin, lobes).moved(z=thickness - 0.4), Material("satin", back)),)
    if ribbon:
        reach = radius * (0.9 if not lobes else 0.86)
        t = np.linspace(-1, 1, 25)
        z = thickness + 2.6 - 3.6 * np.abs(t) ** 3
        strip = blade(t * reach, np.full(25, radius * 0.42), np.full(25, 0.7), z)
        parts += (Part(strip, Material("satin", ribbon)),)
    return parts


def _lobed(mesh: Mesh, lobes: int) -> Mesh:
    if not lobes:
        return mesh
    angle = np.arctan2(mesh.vertices[:, 1], mesh.vertices[:, 0]) + math.pi / 2
    swell = 1 + (0.36 / lobes) * np.cos(lobes * angle)
    return Mesh(mesh.vertices * np.column_stack([swell, swell, np.ones_like(swell)]), mesh.faces)


def _fuzzy(mesh: Mesh) -> Mesh:
    # The pile of velour scatters its outline by a fraction of a millimetre.
    noise = np.random.default_rng(3).normal(0, 0.16, mesh.vertices.shape)
    reach = np.linalg.norm(mesh.vertices[:, :2], axis=1, keepdims=True)
    return Mesh(mesh.vertices + noise * (reach / reach.max()) ** 2, mesh.faces)


def sponge(radius: float, height: float, material: Material, *, point: float = 0.5) -> Parts:
    """A blending sponge: an egg whose tip draws to a point by ``point`` in 0..1."""
    t = np.linspace(-math.pi / 2, math.pi / 2, 40)
    up = (np.sin(t) + 1) / 2
    width = radius * np.cos(t) * (1.12 - 0.62 * point * up)
    mesh = revolve(list(zip(width, up * height, strict=True)))
    return (Part(mesh, material),)


def blade(x: Array, widths: Array, thickness: Array, lift: Array, hollow: float = 0) -> Mesh:
    """A flat bar along x; ``hollow`` sinks its upper and lower face into a spoon, mm at the end."""
    rings = []
    for at, width, thick, z in zip(x, widths, thickness, lift, strict=True):
        outline = Section(width / 2, thick / 2, min(thick / 2, width / 2)).ring(0, 0)
        across = outline[:, 0] / (width / 2)
        near = np.clip((at - x[0]) / (x[-1] - x[0]) * 2.6 - 1.6, 0, 1)
        sunk = hollow * math.sin(near * math.pi) ** 0.6 * (1 - across**2) if near > 0 else 0
        rings.append(
            np.column_stack([np.full(len(outline), at), outline[:, 0], z + outline[:, 1] - sunk])
        )
    ends = [np.repeat(ring.mean(axis=0)[None], len(ring), axis=0) for ring in (rings[0], rings[-1])]
    return loft([ends[0], *rings, ends[1]])


def spatula(
    length: float,
    handle: float,
    head: float,
    material: Material,
    *,
    head_length: float = 0.3,
    thickness: float = 2.2,
    hollow: float = 0,
    bend: float = 3,
    square: bool = False,
    second: float = 0,
    waist: float = 1,
) -> Parts:
    """A scoop: a handle that widens into a paddle or spoon; ``second`` widens its foot too."""
    t = np.linspace(0, 1, 90)
    into = np.clip((t - (1 - head_length)) / head_length, 0, 1)
    power = 0.28 if square else 0.5
    oval = np.sqrt(np.clip(1 - np.abs(2 * into - 1) ** (6 if square else 2.2), 0, 1)) ** (2 * power)
    widths = handle * (1 - (1 - waist) * np.sin(math.pi * t) ** 2)
    widths = np.where(into > 0, np.maximum(head * oval, handle * (into < 0.5)), widths)
    if second:
        back = np.clip(1 - t / 0.2, 0, 1)
        widths = np.maximum(widths, second * np.sqrt(np.clip(1 - (2 * back - 1) ** 2, 0, 1)))
    widths *= np.clip(np.sqrt(1 - np.clip(1 - t / 0.03, 0, 1) ** 2), 0.05, 1)
    thick = thickness * (1 - 0.45 * into) * np.clip(widths / handle, 0.3, 1)
    lift = (
        thickness
        + hollow
        + bend * np.sin(math.pi * np.clip(t * 1.05, 0, 1)) ** 2
        + bend * into * 0.5
    )
    mesh = blade((t - 0.5) * length, np.maximum(widths, 0.3), thick, lift, hollow)
    return (Part(mesh, material),)

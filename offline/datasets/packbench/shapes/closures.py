"""Closures: screw cap, flip top, disc top, dropper, nozzle and pump, each standing on z = 0."""

from __future__ import annotations

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, Section, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts

WALL = 1.6  # mm, of every moulded shell


def shell(
    radius: float, height: float, outer: list[Corner], section: Section | None = None,
    *, ribs: int = 0, depth: float = 0.5, waist: float = 1,
) -> Mesh:  # fmt: skip
    """A cap open below: a threaded cavity, then ``outer`` from the wall up to the axis."""
    inner = radius - WALL
    top = radius * waist - WALL  # a taper narrows the cavity too
    thread: list[Corner] = [
        (inner, z + dz) if dz else (inner - 0.9, z + 1.2)
        for z in ((height * 0.55, height * 0.3) if waist == 1 else ())
        for dz in (2.2, 0, 0.2)
    ]
    cavity: list[Corner] = [(0, height - WALL), (top, height - WALL), *thread, (inner, 0)]
    return revolve([*cavity, (radius, 0, 0.3), *outer], section, ribs=ribs, depth=depth)


def screw_cap(
    radius: float, height: float, material: Material,
    *, ribs: int = 0, dome: float = 0, edge: float = 1.2, waist: float = 1, band: str = "",
) -> Parts:  # fmt: skip
    """A screw cap: smooth or ribbed, flat or domed, straight or tapered, with a metal band."""
    top = radius * waist
    outer: list[Corner] = [(top, height, edge), (0, height)]
    if dome:
        outer = [
            (top * np.cos(t), height + dome * np.sin(t)) for t in np.linspace(0, np.pi / 2, 14)
        ]
    if ribs:
        rim = radius - 0.7
        outer = [(radius, height - 2.2, 0.4), (rim, height - 1.2), (rim, height, edge), (0, height)]
    parts: Parts = (
        Part(shell(radius, height, outer, ribs=ribs, depth=0.9, waist=waist), material),
    )
    if band:
        ring: list[Corner] = [
            (radius - 1, 0.8), (radius + 0.25, 0.8), (radius + 0.25, 4), (radius - 1, 4)
        ]  # fmt: skip
        parts += (Part(revolve(ring), Material("metal", band)),)
    return parts


def flip_top(
    radius: float, height: float, material: Material,
    *, lid: float = 8, angle: float = 0, lid_material: Material | None = None,
    oval: float = 1, dome: float = 0, step: float = 0,
) -> Parts:  # fmt: skip
    """A one-touch cap: skirt, deck with orifice and a lid hinged at the back, open by ``angle``."""
    section = None if oval == 1 else Section(radius, radius * oval, radius * oval)
    top = radius - step
    lid_section = section and Section(top, top * oval, top * oval)
    deck: list[Corner] = [(radius, height, 0.5), (0, height)]
    skirt = Part(shell(radius, height, deck, section), material)
    nozzle = revolve(
        [(0, -1), (3.6, -1), (3.2, 3, 0.6), (1.3, 3), (1.3, 0.5), (0, 0.5)]
    ).moved(z=height)  # fmt: skip
    crown: list[Corner] = [(top, lid, 1.5), (0, lid + dome)]
    if dome:
        crown = [
            (top, lid * 0.4, 1),
            (top * 0.85, lid, 4),
            (top * 0.4, lid + dome, 6),
            (0, lid + dome),
        ]
    inside: list[Corner] = [
        (0, lid - WALL),
        (top - WALL, lid - WALL),
        (top - WALL, 0),
        (top, 0, 0.3),
    ]
    cover = revolve([*inside, *crown], lid_section)
    pin = revolve([(0, 0), (1.1, 0, 0.4), (1.1, lid - 1), (0, lid - 1)])
    # The thumb tab sits at the front of the lid's lower edge.
    tab = tube([(-4.5, 1.6), (4.5, 1.6)], [1.2, 1.2], 1).moved(y=-top * oval)
    tilt = [
        mesh.moved(z=height + 0.5).turned("x", -angle, (0, radius * oval, height + 0.3))
        for mesh in (cover, pin, tab)
    ]
    hinge = tube([(-4, 0), (4, 0)], [1.1, 1.1]).moved(y=radius * oval - 0.2, z=height - 0.4)
    over = lid_material or material
    return (skirt, Part(nozzle, material), Part(hinge, over), *(Part(m, over) for m in tilt))


def disc_top(
    radius: float, height: float, material: Material,
    *, tilt: float = 0, disc: Material | None = None, ribs: int = 0, waist: float = 1,
) -> Parts:  # fmt: skip
    """A press cap: pressing the back of the top disc lifts its front, which holds the orifice."""
    top = radius * waist
    lip, plate = top - 1.8, top - 2.1
    outer: list[Corner] = [(top, height, 0.9), (lip, height), (lip, height - 3), (0, height - 3)]
    if ribs:
        outer = [(radius, height - 4, 0.4), (radius - 0.8, height - 3), *outer]
    inside = height - 5
    body = shell(radius, inside, outer, ribs=ribs, depth=0.8, waist=waist)
    puck = revolve([(0, 0), (plate, 0), (plate, 2.8, 0.4), (0, 2.8)])
    thumb = revolve([(0, 2.7), (plate * 0.4, 2.7), (plate * 0.38, 3.1, 0.2), (0, 3.1)])
    hole = tube([(0, 0), (0, 1)], [1.1, 1.1]).turned("x", 90).moved(y=-plate + 0.85, z=1.4)
    pivot = (0.0, 0.0, height - 1.5)
    raised = [
        mesh.moved(z=height - 2.9).turned("x", -tilt, pivot)
        for mesh in (puck, thumb.moved(y=plate * 0.48), hole)
    ]
    over = disc or material
    dark = Material("satin", "black")
    return (
        Part(body, material), Part(raised[0], over), Part(raised[1], over), Part(raised[2], dark)
    )  # fmt: skip


def dropper(
    radius: float, height: float, collar: Material, bulb: Material,
    *, bulb_radius: float = 7, bulb_height: float = 28, pipette: float = 60, ribs: int = 0,
    waist: float = 0.9, glass: str = "clear", button: bool = False,
) -> Parts:  # fmt: skip
    """A rubber bulb (or a push button) on a collar, with a glass pipette hanging below z = 0."""
    outer: list[Corner] = [(radius, height, 0.8), (0, height)]
    parts: Parts = (Part(shell(radius, height, outer, ribs=ribs, depth=0.8), collar),)
    r, h = bulb_radius, bulb_height
    if button:
        corners: list[Corner] = [(0, 0), (r, 0), (r, h, 1.5), (0, h)]
    else:
        corners = [
            (0, 0), (r + 1.2, 0), (r + 1.2, 2.5, 0.8), (r * waist, 4, 2), (r, h * 0.55, 12),
            (r * 0.86, h, r * 0.8), (0, h),
        ]  # fmt: skip
    parts += (Part(revolve(corners).moved(z=height - 0.1), bulb),)
    if not pipette:
        return parts
    p = pipette
    straw = revolve([
        (0, -p), (1.3, -p, 0.5), (1.6, -p + 5, 3), (3.4, -p + 13, 4), (3.4, height - 3),
        (2.3, height - 3), (2.3, -p + 14, 4), (0.7, -p + 5, 3), (0, -p + 3),
    ])  # fmt: skip
    return (*parts, Part(straw, Material("glass", glass)))


def nozzle(
    radius: float, height: float, material: Material,
    *, length: float = 30, foot: float = 0.62, tip: float = 1.4, ogive: float = 0,
    ribs: int = 0, tip_cap: str = "", steps: int = 0,
) -> Parts:  # fmt: skip
    """A pointed cap: a collar, then a cone, ogive or stepped spout, perhaps a coloured tip."""
    base = radius * foot
    t = np.linspace(0, 1, 14)
    width = tip + (base - tip) * ((1 - t) + ogive * t * (1 - t))
    spout: list[Corner] = list(zip(width, height + 0.8 + t * length, strict=True))
    for k in range(steps):
        at = height + length * (0.28 + 0.24 * k / max(steps - 1, 1))
        wide = float(np.interp(at, height + 0.8 + t * length, width))
        below = [c for c in spout if c[1] < at - 1]
        spout = [
            *below,
            (wide + 1, at - 1),
            (wide + 1, at + 1),
            *(c for c in spout if c[1] > at + 1),
        ]
    end = height + length + 0.8
    outer: list[Corner] = [(radius, height, 1.2), (base + 1, height), *spout]
    outer += [(tip * 0.6, end), (tip * 0.6, end - 3), (0, end - 3)]
    parts: Parts = (Part(shell(radius, height, outer, ribs=ribs, depth=0.8), material),)
    if tip_cap:
        r = tip + 1.6
        stopper = revolve([(0, -6), (r, -6, 0.4), (r * 0.8, 4, 1), (0, 4)]).moved(z=end)
        parts += (Part(stopper, Material("gloss", tip_cap)),)
    return parts


def pump(
    radius: float, height: float, material: Material,
    *, head: Material | None = None, head_radius: float = 9, head_height: float = 9,
    spout: float = 26, drop: float = 5, stem: float = 9, ribs: int = 0, dip: float = 55,
    collar_step: float = 0, sleeve: bool = False,
) -> Parts:  # fmt: skip
    """Collar, stem and actuator with its spout towards +x; the dip tube hangs below z = 0."""
    over = head or material
    outer: list[Corner] = [(radius, height, 1), (radius - 2.5, height), (0, height)]
    if collar_step:
        neck = radius - 3
        outer = [(radius, height, 1), (neck, height + 0.2), (neck, height + collar_step, 1.5)]
        outer += [(0, height + collar_step)]
    collar = Part(shell(radius, height, outer, ribs=ribs, depth=0.8), material)
    foot = height + collar_step
    wide = head_radius * 0.8 if sleeve else 3.4
    rod = revolve([(0, 0), (wide, 0), (wide, stem + 1), (0, stem + 1)]).moved(z=foot - 0.5)
    r, h, low = head_radius, head_height, foot + stem
    knob = revolve([(0, 0), (r * 0.9, 0, 0.8), (r, h * 0.5, 3), (r * 0.95, h, 1.8), (0, h)])
    t = np.linspace(0, 1, 16)
    bend = drop * np.clip(t - 0.45, 0, 1) ** 2 / 0.3
    thick = min(h * 0.42, 4.6)
    path = list(zip(r * 0.2 + spout * t, low + h - thick - 0.4 - bend, strict=True))
    beak = tube(path, list(thick - (thick - 2.3) * t), 1.15)
    parts: Parts = (collar, Part(rod, over), Part(knob.moved(z=low), over), Part(beak, over))
    if dip:
        straw = revolve([(0, -dip), (2.1, -dip), (2.1, height - 3), (0, height - 3)])
        parts += (Part(straw, Material("frosted", "clear")),)
    return parts

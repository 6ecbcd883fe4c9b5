"""Screw and push-on caps: smooth, ribbed, child-resistant, aluminium, perfume and wood."""

from __future__ import annotations

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.bars import bent_bar
from offline.datasets.packbench.shapes.closures.shells import (
    SHADOW,
    WALL,
    domed,
    fittings,
    grooved,
    shell,
)
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, Section, revolve
from offline.datasets.packbench.shapes.parts import Part, Parts


def screw_cap(
    radius: float,
    height: float,
    material: Material,
    *,
    ribs: int = 0,
    dome: float = 0,
    edge: float = 1.2,
    waist: float = 1,
    band: str = "",
    groove: float = 0,
) -> Parts:
    """A screw cap: smooth or ribbed, flat or domed, straight or tapered, with a metal band.

    ``groove`` is the height of a ring turned into the wall, 0 for none.
    """
    top = radius * waist
    outer = domed(top, height, dome) if dome else [(top, height, edge), (0.0, height)]
    if groove:
        here = radius + (top - radius) * groove / height
        outer = [*grooved(here, groove), *outer]
    if ribs:
        rim = radius - 0.7
        outer = [(radius, height - 2.2), (rim, height - 1.2), (rim, height, edge), (0, height)]
    body = shell(radius, height, outer, ribs=ribs, depth=0.9, waist=waist)
    parts: Parts = (Part(body, material),)
    parts += fittings(radius * (1 + waist) / 2, height, material) if waist > 0.85 else ()
    if band:
        ring: list[Corner] = [
            (radius - 1, 0.8),
            (radius + 0.25, 0.8, 0.2),
            (radius + 0.25, 4, 0.2),
            (radius - 1, 4),
        ]
        parts += (Part(revolve(ring), Material("metal", band)),)
    return parts


def ribbed_cap(
    radius: float,
    height: float,
    material: Material,
    *,
    ribs: int,
    depth: float,
    edge: float,
    bead: float,
    panel: float = 0,
) -> Parts:
    """A ribbed closure: a smooth bead ``bead`` high at the foot, ribs, a rounded edge.

    ``panel`` sinks the middle of the top by so many mm.
    """
    skin: list[Corner] = [(radius, bead + 0.2), (radius, height - edge * 0.9)]
    rim = radius - depth - 0.15
    crown: list[Corner] = [(rim, height - edge * 0.6), (rim, height, edge)]
    deck = rim - edge - 1.2
    crown += [(deck, height), (deck - 0.5, height - panel), (0, height - panel)]
    foot: list[Corner] = [
        (radius - 1, 0),
        (radius + 0.35, 0, 0.4),
        (radius + 0.35, bead, 0.4),
        (radius - 1, bead),
    ]
    body = shell(radius, height - panel, [*skin, *crown], ribs=ribs, depth=depth)
    return (
        Part(body, material),
        Part(revolve(foot), material),
        *fittings(radius, height - panel, material),
    )


def child_resistant_cap(
    radius: float, height: float, material: Material, *, ribs: int, skirt: float, edge: float
) -> Parts:
    """Push down and turn: coarse ribs, a wide skirt, two arrows raised on the top."""
    parts = ribbed_cap(
        radius, height, material, ribs=ribs, depth=1.3, edge=edge, bead=skirt, panel=0.9
    )
    track = radius * 0.58
    for start in (20, 200):
        shaft = bent_bar(track, start, start + 105, 1.5, 0.9).moved(z=height - 0.8)
        head = _arrow(radius * 0.16).moved(x=track, z=height - 1).turned("z", start + 105)
        parts += (Part(shaft, material), Part(head, material))
    return parts


def _arrow(half: float) -> Mesh:
    """A wedge in the xy plane pointing along +y, 0.6 mm thick."""
    return revolve(
        [(0, 0), (half, 0), (half, 0.6, 0.2), (0, 0.6)], Section(half, half, 0.1)
    ).turned("z", 45)


def aluminium_cap(
    radius: float,
    height: float,
    material: Material,
    *,
    knurl: float,
    ribs: int,
    edge: float,
    ring: float,
    panel: float,
) -> Parts:
    """A rolled shell: a pilfer ring below a row of bridges, beads, a knurled band near the top."""
    wall = [*grooved(radius, ring, 0.5, 0.9), *grooved(radius, ring + 2.4, 0.35, 1.2)]
    deck = radius - edge - 1.6
    crown: list[Corner] = [
        (radius, height, edge),
        (deck, height, 0.4),
        (deck - 0.9, height - panel, 0.5),
        (0, height - panel),
    ]
    body = shell(radius, height - panel, [*wall, *crown], wall=0.9)
    low, high = height - edge - 0.8 - knurl, height - edge - 0.8
    grip: list[Corner] = [
        (radius - 0.8, low),
        (radius + 0.25, low + 0.3),
        (radius + 0.25, high - 0.3),
        (radius - 0.8, high),
    ]
    bridges = (bent_bar(radius - 0.35, a, a + 8, 0.7, 1.4).moved(z=ring) for a in range(0, 360, 30))
    return (
        Part(body, material),
        Part(revolve(grip, ribs=ribs, depth=0.4), material),
        *(Part(bridge, material) for bridge in bridges),
        *fittings(radius, height - panel, material, wall=0.9),
    )


def perfume_cap(
    radius: float,
    height: float,
    material: Material,
    band: Material,
    *,
    corner: float = 0,
    bevel: float = 1.5,
    collar: float = 4,
    crown: float = 0.6,
    insert: Material | None = None,
) -> Parts:
    """A heavy push-on cap over a metal band ``collar`` high, round or (``corner`` mm) square.

    ``bevel`` cuts the top edge, ``crown`` is how far the top swells in the middle.
    """
    section = Section(radius, radius, corner) if corner else None
    cut = bevel * 0.8
    body: list[Corner] = [
        (0, collar + 0.5),
        (radius - 0.1, collar + 0.5, 0.35),
        (radius - 0.1, height - bevel, 0.3),
        (radius - cut, height, 0.5),
        (radius * 0.5, height + crown * 0.75, 30),
        (0, height + crown),
    ]
    tight = radius - 1.2
    seam: list[Corner] = [
        (0, collar - 1),
        (tight, collar - 1),
        (tight, collar + 1),
        (0, collar + 1),
    ]
    bore = radius * 0.66
    ring: list[Corner] = [
        (bore, collar),
        (bore, 0.1),
        (radius + 0.2, 0, 0.4),
        (radius + 0.2, collar, 0.4),
        (bore, collar),
    ]
    cup: list[Corner] = [
        (0, collar - 0.8),
        (bore - 1, collar - 0.8),
        (bore - 1, 0.4),
        (bore, 0.4),
        (bore, collar),
    ]
    return (
        Part(revolve(body, section), material),
        Part(revolve(seam, section), SHADOW),
        Part(revolve(ring, section), band),
        Part(revolve(cup), insert or Material("satin", "white")),
    )


def wooden_cap(
    radius: float,
    height: float,
    material: Material,
    insert: Material,
    *,
    taper: float,
    edge: float,
    lip: float,
    groove: float,
) -> Parts:
    """Turned wood over a threaded plastic insert that shows ``lip`` mm below it."""
    top = radius * taper
    here = radius + (top - radius) * groove
    at = lip + (height - lip) * groove
    wall = [*grooved(here, at, 0.5, 1.1), (top, height, edge), (0.0, height)]
    sleeve = radius - 2.4
    block: list[Corner] = [(0, lip + 2), (sleeve, lip + 2), (sleeve, lip), (radius, lip, 0.7)]
    deep = min(height * 0.7, 16.0)
    core = shell(sleeve + 0.3, deep, [(sleeve + 0.3, deep - WALL), (0, deep - WALL / 2)])
    return (
        Part(revolve([*block, *wall]), material),
        Part(core, insert),
        *fittings(sleeve + 0.3, deep - 1, insert),
    )

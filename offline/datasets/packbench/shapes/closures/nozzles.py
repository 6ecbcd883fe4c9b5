"""Pointed caps: a collar and a cone, ogive, stepped, twist-open or needle spout."""

from __future__ import annotations

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.shells import SHADOW, domed, fittings, shell
from offline.datasets.packbench.shapes.meshes import Corner, Section, revolve
from offline.datasets.packbench.shapes.parts import Part, Parts, moved


def nozzle(
    radius: float,
    height: float,
    material: Material,
    *,
    length: float = 30,
    foot: float = 0.62,
    tip: float = 1.4,
    ogive: float = 0,
    ribs: int = 0,
    tip_cap: str = "",
    steps: int = 0,
    shoulder: float = 1.2,
    rise: float = 0.8,
    collar: Material | None = None,
    stopper: float = 8,
) -> Parts:
    """A pointed cap: a collar, then a cone, ogive or stepped spout, perhaps a coloured tip.

    ``foot`` is the spout's radius over the collar's, ``ogive`` how far its wall bulges
    (negative draws it in), ``rise`` the height of the sloping deck, ``stopper`` of the tip cap.
    """
    base = radius * foot
    parts = collar_under(radius, height, collar or material, ribs=ribs, shoulder=shoulder)
    spout = _spout(base, tip, length, ogive, steps)
    deck: list[Corner] = [
        (0, -1),
        (radius - shoulder - 0.3, -1),
        (radius - shoulder - 0.5, 0.02),
        (base + 0.6, rise, 1.2),
    ]
    end = rise + length
    bore = tip * 0.6
    line = [
        *deck,
        *((r, z + rise, *f) for r, z, *f in spout),
        (bore, end),
        (bore, end - 3),
        (0, end - 3),
    ]
    hole = revolve([(0, 0), (bore, 0), (bore, 0.1), (0, 0.1)]).moved(z=height + end - 2.9)
    parts += (Part(revolve(line).moved(z=height), material), Part(hole, SHADOW))
    if tip_cap:
        parts += moved(
            _stopper(tip + 1.4, stopper, Material("gloss", tip_cap)), z=height + end + 1.4
        )
    return parts


def collar_under(
    radius: float, height: float, material: Material, *, ribs: int, shoulder: float
) -> Parts:
    """The threaded skirt: ribs up to a smooth shoulder, or a plain wall."""
    crown: list[Corner] = [(radius, height, shoulder), (0, height)]
    if ribs:
        slim = radius - 0.8
        crown = [
            (radius, height - shoulder - 1),
            (slim, height - shoulder - 0.5),
            (slim, height, shoulder),
            (0, height),
        ]
    body = shell(radius, height, crown, ribs=ribs, depth=0.8)
    return (Part(body, material), *fittings(radius, height, material))


def _spout(base: float, tip: float, length: float, ogive: float, steps: int) -> list[Corner]:
    t = np.linspace(0, 1, 22)
    width = tip + (base - tip) * (1 - t) * (1 + ogive * t)
    line: list[Corner] = list(zip(width.tolist(), (t * length).tolist(), strict=True))
    for k in range(steps):
        at = length * (0.24 + 0.54 * k / max(steps - 1, 1))
        wide = float(np.interp(at, t * length, width))
        barb: list[Corner] = [
            (wide + 0.9, at - 0.9, 0.3),
            (wide + 0.9, at - 0.2, 0.3),
            (wide - 0.2, at + 1.3),
        ]
        line = [*(c for c in line if c[1] < at - 1), *barb, *(c for c in line if c[1] > at + 1.6)]
    line[-1] = (tip, length, 0.3)
    return line


def _stopper(radius: float, height: float, material: Material, over: float = 0.4) -> Parts:
    """A tip cap on a tip that ends at z = 0: a bead to pull at, then a taper.

    The fraction ``over`` of its height is above the tip.
    """
    low = -over * height
    cup: list[Corner] = [
        (0, 0),
        (radius - 0.8, -0.4),
        (radius - 0.5, low),
        (radius + 0.5, low, 0.3),
        (radius + 0.5, low + 1.4, 0.4),
        (radius, low + 1.7),
        (radius * 0.78, low + height, 1),
        (0, low + height),
    ]
    return (Part(revolve(cup), material),)


def twist_tip(
    radius: float,
    height: float,
    material: Material,
    tip: Material,
    *,
    length: float,
    foot: float,
    fraction: float,
    wing: float,
    ribs: int,
) -> Parts:
    """A twist-open spout: a cone cut at ``fraction`` of its length, a winged tip that turns.

    ``wing`` is how far the two wings reach beyond the tip's wall, mm.
    """
    base, end = radius * foot, length * fraction
    parts = collar_under(radius, height, material, ribs=ribs, shoulder=1.2)
    cut = base * 0.62
    cone: list[Corner] = [
        (0, -1),
        (base + 1.5, -1),
        (base + 1.5, 0.6, 0.5),
        (base, 1.2, 0.6),
        (cut, end, 0.3),
        (0, end),
    ]
    low = end + 0.5
    crown: list[Corner] = [
        (cut * 0.6, end - 0.5),
        (cut * 0.6, low),
        (cut + 0.7, low, 0.3),
        (cut + 0.7, low + 2, 0.4),
        (cut, low + 2.4),
        (1.9, length, 0.5),
        (0.9, length),
        (0.9, length - 2),
        (0, length - 2),
    ]
    fin = revolve(
        [
            (0, low + 0.3),
            (cut + wing, low + 0.3, 0.5),
            (cut + wing, low + (length - low) * 0.35, 1),
            (1.2, low + (length - low) * 0.72, 1),
            (0, low + (length - low) * 0.75),
        ],
        Section(cut + wing, 0.75, 0.5),
    )
    above = ((revolve(cone), material), (revolve([(0, end - 0.6), *crown]), tip), (fin, tip))
    return (*parts, *(Part(mesh.moved(z=height), skin) for mesh, skin in above))


def needle_tip(
    radius: float,
    height: float,
    material: Material,
    hub: Material,
    *,
    length: float,
    hub_height: float,
    gauge: float,
    foot: float,
    ribs: int,
    cap: str = "",
) -> Parts:
    """A fine-line applicator: a hub with a lock thread and a steel cannula of radius ``gauge``."""
    base = radius * foot
    parts = collar_under(radius, height, material, ribs=ribs, shoulder=1.5)
    cone: list[Corner] = [
        (0, -1),
        (base + 1.2, -1),
        (base + 1.2, 1.4, 0.4),
        (base, 1.8, 0.4),
        (base * 0.86, hub_height * 0.5, 0.5),
        (base * 0.5, hub_height * 0.62, 1),
        (gauge + 0.8, hub_height, 0.6),
        (0, hub_height),
    ]
    end = hub_height + length
    cannula: list[Corner] = [
        (0, hub_height - 2),
        (gauge, hub_height - 2),
        (gauge, end, 0.1),
        (gauge * 0.55, end),
        (gauge * 0.55, end - 2),
        (0, end - 2),
    ]
    parts += (
        Part(revolve(cone).moved(z=height), hub),
        Part(revolve(cannula).moved(z=height), Material("metal", "silver")),
    )
    if cap:
        sheath = _stopper(gauge + 1.5, length + 3, Material("gloss", cap), length / (length + 3))
        parts += moved(sheath, z=height + end + 0.2)
    return parts


def overcap(radius: float, low: float, height: float, material: Material, taper: float) -> Parts:
    """A cover over a spout, open below, from z = ``low``; round-ended."""
    top = radius * taper
    wall = 1.0
    bend = min(top * 0.7, height * 0.3)
    outer = domed(top, height - bend, bend)
    inner = [(max(r - wall, 0.0), z - wall) for r, z in reversed(outer)]
    line: list[Corner] = [*inner, (radius - wall, 0), (radius, 0, 0.3), *outer]
    return (Part(revolve(line).moved(z=low), material),)

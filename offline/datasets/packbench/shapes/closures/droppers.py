"""Droppers: a collar, a rubber bulb or a push button, and a glass pipette below."""

from __future__ import annotations

from typing import Literal

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.shells import domed, fittings, grooved, shell
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, revolve
from offline.datasets.packbench.shapes.parts import Part, Parts

Tip = Literal["straight", "ball", "bent"]
BORE, GLASS = 3.4, 0.85  # mm: radius and wall of a pipette for a 7 mm plug


def dropper(
    radius: float,
    height: float,
    collar: Material,
    bulb: Material,
    *,
    bulb_radius: float = 7,
    bulb_height: float = 28,
    pipette: float = 60,
    ribs: int = 0,
    waist: float = 0.9,
    glass: str = "clear",
    button: bool = False,
    edge: float = 0.8,
    skirt: float = 0,
    tip: Tip = "straight",
    rings: int = 0,
) -> Parts:
    """A rubber bulb (or a push button) on a collar, with a glass pipette hanging below z = 0.

    ``skirt`` is the height of a smooth guard ring at the collar's foot (tamper or child guard).
    """
    head = (
        _button(bulb_radius, bulb_height)
        if button
        else _bulb(bulb_radius, bulb_height, waist, rings)
    )
    parts: Parts = (
        *_collar(radius, height, collar, ribs=ribs, edge=edge, skirt=skirt),
        Part(head.moved(z=height - 0.1), bulb),
        *fittings(radius, height, collar),
    )
    if not pipette:
        return parts
    plug = revolve([(0, 0.6), (4.6, 0.6, 0.4), (5, 2.4), (4.4, height - 3), (0, height - 3)])
    return (
        *parts,
        Part(plug, bulb),
        Part(_pipette(pipette, height, tip), Material("glass", glass)),
    )


def _collar(
    radius: float, height: float, material: Material, *, ribs: int, edge: float, skirt: float
) -> Parts:
    deck = radius - edge - 0.8
    crown: list[Corner] = [
        (radius, height, edge),
        (deck, height, 0.2),
        (deck - 0.4, height - 0.5),
        (0, height - 0.5),
    ]
    if ribs:
        slim = radius - 0.75
        crown = [
            (radius, height - edge - 1),
            (slim, height - edge - 0.6),
            (slim, height, edge),
            (0, height),
        ]
    groove = grooved(radius, max(skirt, 1.2) + 0.4, 0.4) if not ribs else []
    parts: Parts = (Part(shell(radius, height, [*groove, *crown], ribs=ribs, depth=0.8), material),)
    if ribs and skirt:
        guard: list[Corner] = [
            (radius - 1, 0),
            (radius + 0.5, 0, 0.4),
            (radius + 0.5, skirt, 0.4),
            (radius - 1, skirt),
        ]
        parts += (Part(revolve(guard), material),)
    return parts


def _bulb(radius: float, height: float, waist: float, rings: int) -> Mesh:
    """A moulded teat: a flange, a neck, a barrel widest in its middle and a round end."""
    neck = radius * waist
    wall: list[Corner] = [(neck, 3.2, 1.6), (radius, height * 0.42, height * 0.2)]
    for k in range(rings):
        wall += grooved(radius * 0.985, height * (0.46 + 0.07 * k), 0.35, 0.9)
    tip = min(radius * 0.86, height * 0.4)
    end = domed(radius * 0.86, height - tip, tip, 12)
    return revolve(
        [(0, 0), (radius + 1.1, 0), (radius + 1.1, 2, 0.7), (neck, 2.3, 0.5), *wall, *end]
    )


def _button(radius: float, height: float) -> Mesh:
    """A silicone push button: a step, then a straight wall with a soft, slightly hollow top."""
    return revolve(
        [
            (0, 0),
            (radius + 0.7, 0),
            (radius + 0.7, 1, 0.4),
            (radius, 1.3),
            (radius * 0.97, height, radius * 0.25),
            (radius * 0.5, height - 0.4, radius * 0.8),
            (0, height - 0.5),
        ]
    )


def _pipette(length: float, height: float, tip: Tip) -> Mesh:
    """A drawn glass tube, hollow, from inside the collar down to -``length``; a cut tip."""
    p, thin = length, 1.55
    r, b = BORE, BORE - GLASS
    outer: list[Corner] = [(thin, -p, 0.3), (thin, -p + 5, 6), (r, -p + 14, 8)]
    inner: list[Corner] = [(b, -p + 14.5, 8), (thin - 0.75, -p + 5, 6), (thin - 0.75, -p)]
    if tip == "ball":
        outer[:2] = [(1.2, -p, 0.4), (2.5, -p + 1.8, 1.8), (2.5, -p + 3.6, 1.8), (1.5, -p + 6, 2)]
        inner[1:] = [(0.75, -p + 6, 3), (0.75, -p)]
    top = height - 3.2
    straw = revolve([(inner[-1][0], -p), *outer, (r, top), (b, top), *inner])
    return _bent(straw, -p + 16) if tip == "bent" else straw


def _bent(mesh: Mesh, below: float) -> Mesh:
    """The end turned towards +x by up to 24°, as a bent-tip pipette is."""
    vertices = mesh.vertices.copy()
    depth = np.clip(below - vertices[:, 2], 0, None)
    vertices[:, 0] += 0.42 * depth**2 / (depth + 6)
    return Mesh(vertices, mesh.faces)

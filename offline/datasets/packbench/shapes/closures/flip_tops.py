"""One-touch caps: a skirt, a deck with an orifice and a lid on a living hinge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.bars import bent_bar
from offline.datasets.packbench.shapes.closures.shells import SHADOW, WALL, fittings, shell
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts

SCOOP = (5.0, 3.8, 2.6, 1.4)  # mm below the deck: where the wall can bend into a recess
GAP = 0.35  # mm, the parting line between lid and skirt


def flip_top(
    radius: float,
    height: float,
    material: Material,
    *,
    lid: float = 8,
    angle: float = 0,
    lid_material: Material | None = None,
    oval: float = 1,
    dome: float = 0,
    step: float = 0,
    waist: float = 1,
    flare: float = 1,
    edge: float = 1.5,
    spout: float = 3,
    tab: float = 0.34,
    ribs: int = 0,
) -> Parts:
    """A one-touch cap whose lid is open by ``angle`` degrees.

    The skirt narrows by ``waist`` and steps in by ``step`` mm; the lid widens upwards by
    ``flare``, swells by ``dome``. ``oval`` scales y; ``tab`` is the width of the thumb lip
    over the cap's.
    """
    seat = radius * waist - step
    foot = [(radius * (1 - (1 - waist) * (1 - below / height)), height - below) for below in SCOOP]
    skirt: list[Corner] = [(radius * waist, height, 0.9 if step else 0.3), (seat - 2.2, height)]
    if step:
        skirt[1:] = [(seat + 0.2, height + step * 0.3, 0.5), (seat + 0.2, height + step * 0.3 + 1)]
        skirt += [(seat - 2.2, height + step * 0.3 + 1)]
    deck = height + (step * 0.3 + 1 if step else 0)
    skirt += [(seat - 2.2, deck - 1), (0, deck - 1)]
    body = shell(radius, height - 1, [*foot, *skirt], waist=waist, ribs=ribs, depth=0.7)
    body = _scooped(body, seat - 1.2, height, 62 * tab).scaled(y=oval)
    over = lid_material or material
    hinge_y = seat * oval + 0.25
    opened = tuple(
        replace(part, mesh=part.mesh.moved(z=deck + GAP).turned("x", -angle, (0, hinge_y, deck)))
        for part in _lid(
            seat, lid, over, oval=oval, dome=dome, flare=flare, edge=edge, tab=tab, spout=spout
        )
    )
    rim = revolve(
        [
            (0, deck - 1.2),
            (seat - 1.3, deck - 1.2),
            (seat - 1.3, deck + GAP + 0.8, 0.3),
            (seat - 2.2, deck + GAP + 0.8, 0.3),
            (seat - 2.2, deck - 0.9),
            (0, deck - 0.9),
        ]
    )
    below = fittings(radius, height - 1, material) if waist == 1 and oval == 1 else ()
    return (
        Part(body, material),
        Part(rim.scaled(y=oval), material),
        *_orifice(deck - 1, spout, material),
        *_hinge(seat, oval, deck, material),
        *opened,
        *below,
    )


def _scooped(mesh: Mesh, beyond: float, height: float, half: float) -> Mesh:
    """A thumb recess in front, under the lid's lip, ``half`` degrees to either side.

    Only the outer wall moves: what lies farther than ``beyond`` from the axis.
    """
    x, y, z = mesh.vertices.T
    aside = np.degrees(np.arctan2(x, -y)) / half
    under = (height - z) / SCOOP[0]
    strength = np.cos(np.pi / 2 * np.clip(np.abs(aside), 0, 1)) * np.clip(1 - under, 0, 1)
    reach = np.hypot(x, y)
    deep = np.where(reach > beyond, 1.15 * strength, 0)
    vertices = mesh.vertices.copy()
    vertices[:, :2] *= (1 - deep / np.maximum(reach, 1e-6))[:, None]
    return Mesh(vertices, mesh.faces)


def _orifice(deck: float, spout: float, material: Material) -> Parts:
    cone: list[Corner] = [
        (0, -0.5),
        (4.6, -0.5),
        (4.2, 0.4, 0.5),
        (2.9, spout * 0.6, 0.8),
        (2.3, spout, 0.4),
        (1.3, spout),
        (1.2, spout - 1),
        (0, spout - 1),
    ]
    hole = revolve([(0, spout - 1), (1.2, spout - 1), (1.2, spout - 0.9), (0, spout - 0.9)])
    return (Part(revolve(cone).moved(z=deck), material), Part(hole.moved(z=deck), SHADOW))


def _hinge(seat: float, oval: float, deck: float, material: Material) -> Parts:
    """A living hinge: a knuckle in the middle and two butterfly springs beside it."""
    half = seat * 0.16
    knuckle = tube([(-half, 0), (half, 0)], [0.75, 0.75]).moved(y=seat * oval + 0.1, z=deck)
    leaves = (
        bent_bar(seat, 90 + side * 24 - 7, 90 + side * 24 + 7, 0.9, 2.6, oval=oval)
        for side in (-1, 1)
    )
    return (Part(knuckle, material), *(Part(leaf.moved(z=deck - 1), material) for leaf in leaves))


def _lid(
    radius: float,
    height: float,
    material: Material,
    *,
    oval: float,
    dome: float,
    flare: float,
    edge: float,
    tab: float,
    spout: float,
) -> Parts:
    """A lid on z = 0, shut: shell, plug and thumb lip."""
    top = radius * flare
    bend = edge + dome * 0.3
    crown: list[Corner] = [(top, height, bend), (0.0, height)]
    if dome:
        crown = [
            (top, height, bend),
            (top * 0.55, height + dome * 0.8, top * 0.25),
            (0, height + dome),
        ]
    inside: list[Corner] = [
        (0, height - WALL),
        (min(top, radius) - WALL, height - WALL, bend * 0.9),
        (radius - 0.9, 0),
        (radius, 0, 0.3),
    ]
    shell_mesh = revolve([*inside, *crown]).scaled(y=oval)
    return (
        Part(shell_mesh, material),
        Part(_plug(height, spout), material),
        Part(
            bent_bar(
                radius + 0.1, 270 - 58 * tab, 270 + 58 * tab, 2.6, 1.7, oval=oval, power=3
            ).moved(z=0.85),
            material,
        ),
    )


def _plug(height: float, spout: float) -> Mesh:
    """The pin that seals the orifice, in a ring that seals its cone."""
    end, low = height - WALL, max(spout - 1.6, 0.6)
    return revolve(
        [
            (0, low + 0.4),
            (0.9, low + 0.4, 0.3),
            (0.9, end - 2),
            (3.1, end - 2),
            (3.1, end - 3.2),
            (3.9, end - 3.2),
            (3.9, end),
            (0, end),
        ]
    )

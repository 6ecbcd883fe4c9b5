"""Press caps: the rocking disc of a disc top and the sliding valve of a push-pull."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.shells import SHADOW, domed, fittings, shell
from offline.datasets.packbench.shapes.meshes import Corner, Mesh, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts

TILT = 18  # degrees: the most that a well is deep enough for
SLIM = 0.8  # mm, how far plain bands stand back from the ribs
PLATE = 4.2  # mm, thickness of the rocking disc: it holds the outlet channel


def disc_top(
    radius: float,
    height: float,
    material: Material,
    *,
    tilt: float = 0,
    disc: Material | None = None,
    ribs: int = 0,
    waist: float = 1,
    oval: float = 1,
    edge: float = 0.5,
    fraction: float = 0.84,
    rim: float = 0,
    sleeve: float = 0,
) -> Parts:
    """A press cap: pressing the back of the disc lifts its front, which holds the orifice.

    ``fraction`` is the disc's radius over the top's, ``edge`` the rounding of the land round it
    over the land's width; ``rim`` raises the wall round it; ``sleeve`` leaves a plain band so
    high below the ribs. ``oval`` scales y of the wall.
    """
    top = radius * waist - (SLIM if ribs else 0)
    well = min(top, top * oval) * fraction
    plate, land = well - 0.3, top - well
    sunk = height - PLATE - plate * math.sin(math.radians(TILT))
    outer: list[Corner] = [
        (top, height + rim, land * edge),
        (well + 0.12 * land, height + rim, 0.05 * land),
        (well, height - 0.3),
        (well, sunk),
        (0, sunk),
    ]
    grip = _grip(radius, height, sleeve) if ribs else []
    body = shell(radius, sunk, [*grip, *outer], ribs=ribs, depth=0.8, waist=waist)
    body = body if oval == 1 else _pinched(body, well, oval)
    lower = fittings(radius, sunk, material) if waist == oval == 1 else ()
    over = disc or material
    return (Part(body, material), *lower, *_rocker(plate, height, tilt, over))


def _grip(radius: float, height: float, sleeve: float) -> list[Corner]:
    """Ribs between a plain band and the smooth shoulder; revolve flutes what is widest."""
    slim = radius - SLIM
    low: list[Corner] = [(slim, 0.01), (slim, sleeve), (radius, sleeve + 0.5)] if sleeve else []
    return [*low, (radius, height - 4), (slim, height - 3.2)]


def _pinched(mesh: Mesh, well: float, oval: float) -> Mesh:
    """Circles within ``well``, beyond it ever flatter ellipses up to ``oval`` at the wall."""
    vertices = mesh.vertices.copy()
    reach = np.hypot(vertices[:, 0], vertices[:, 1])
    widest = float(reach.max())
    slope = (oval * widest - well) / (widest - well)
    deep = np.where(reach > well, well + (reach - well) * slope, reach)
    vertices[:, 1] *= deep / np.maximum(reach, 1e-6)
    return Mesh(vertices, mesh.faces)


def _rocker(plate: float, height: float, tilt: float, material: Material) -> Parts:
    """The disc with its thumb dimple behind and the outlet in its front edge."""
    puck = revolve(
        [
            (0, -PLATE),
            (plate * 0.93, -PLATE),
            (plate, -PLATE * 0.55),
            (plate, 0, 0.45),
            (plate * 0.5, -0.15, 20),
            (0, -0.2),
        ]
    )
    ring = revolve(
        [
            (plate * 0.39, -0.4),
            (plate * 0.36, 0.28, 0.2),
            (plate * 0.3, 0.28, 0.2),
            (plate * 0.27, -0.4),
        ]
    )
    boss = tube([(0, 0), (0, 1.2)], [1.9, 1.7]).turned("x", 90).moved(y=-plate + 0.9, z=-1.9)
    hole = tube([(0, 0), (0, 1.25)], [1.0, 1.0]).turned("x", 90).moved(y=-plate + 0.8, z=-1.9)
    placed = (
        (puck, material),
        (ring.moved(y=plate * 0.42), material),
        (boss, material),
        (hole, SHADOW),
    )
    pivot = (0.0, 0.0, -PLATE * 0.3)
    return tuple(
        Part(mesh.turned("x", -tilt, pivot).moved(z=height - 0.25), skin) for mesh, skin in placed
    )


def push_pull(
    radius: float,
    height: float,
    material: Material,
    valve: Material,
    *,
    spout: float,
    bore: float,
    slope: float,
    lift: float,
    ribs: int,
    flange: float,
) -> Parts:
    """A sports cap: a ribbed skirt, a sloping shoulder, and a mushroom valve up by ``lift`` mm.

    ``bore`` is the spout's radius, ``flange`` the valve lip's beyond it.
    """
    foot = radius * 0.72
    outer: list[Corner] = [
        (radius, height - 1.4),
        (radius - SLIM, height - 0.8),
        (radius - SLIM, height, 0.6),
        (foot, height + 1.6, 1),
        (bore + 1.6, height + slope, 2),
        (bore, height + slope + 0.5, 0.6),
        (bore, height + slope + spout),
        (0, height + slope + spout),
    ]
    body = shell(radius, height, outer, ribs=ribs, depth=0.8)
    wide = bore + 1
    cap: list[Corner] = [
        (bore - 0.6, 0),
        (wide + 0.5, 0, 0.3),
        (wide, 1.2, 0.5),
        (wide, spout * 0.55, 1),
        (wide + flange, spout * 0.75, 0.8),
        (wide + flange * 0.8, spout + 1.6, 1.2),
        (2.6, spout + 2.4, 0.5),
        (2.2, spout + 0.9),
        (0, spout + 0.9),
    ]
    pin = revolve([(0, spout - 2), (1.5, spout - 2), *domed(1.5, spout + 1.3, 0.7, 6)])
    base = height + slope + 0.9
    mouth = Part(pin.moved(z=base), material)
    return (
        Part(body, material),
        Part(revolve(cap).moved(z=base + lift), valve),
        mouth,
        *fittings(radius, height, material),
    )

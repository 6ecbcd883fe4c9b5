"""Actuators of pumps, each standing on z = 0 over its stem: beaks point towards +x."""

from __future__ import annotations

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.closures.bars import limb
from offline.datasets.packbench.shapes.closures.shells import SHADOW, grooved
from offline.datasets.packbench.shapes.meshes import Array, Corner, Mesh, profile, revolve, tube
from offline.datasets.packbench.shapes.parts import Part, Parts


def saddle(
    radius: float,
    height: float,
    spout: float,
    drop: float,
    material: Material,
    *,
    beak: float = 0.34,
    dish: float = 0.5,
    skirt: float = 0.66,
) -> Parts:
    """A lotion head: a thumb pad of ``radius`` that narrows into a swept, down-turned beak.

    ``spout`` is the reach of the orifice from the axis and ``drop`` its fall, mm; ``beak`` the
    beak's half width and ``skirt`` the hub's radius over the pad's; ``dish`` hollows the pad.
    """
    thick = min(height * 0.24, radius * 0.33)
    path, widths, heights = _saddle_stations(radius, spout, drop, thick, beak * radius)
    hollow = dish * np.exp(-((path[:, 0] / (0.75 * radius)) ** 2))
    top = height - thick
    pad = limb(path, widths, heights, power=2.6, dish=hollow).moved(z=top)
    hub = revolve(
        [
            (0, 0),
            (radius * skirt, 0, 0.5),
            (radius * skirt * 1.04, top - thick, 2),
            (radius * 0.8, top, 1),
            (0, top),
        ]
    )
    return (Part(pad, material), Part(hub, material), _orifice(path, widths[-1], top))


def _saddle_stations(
    radius: float, spout: float, drop: float, thick: float, beak: float
) -> tuple[Array, Array, Array]:
    """Path (N, 2), half widths (N,) and half heights (N,) from the rear to the orifice."""
    rear = -radius * np.cos(np.linspace(0.04, np.pi / 2, 12, endpoint=False))
    bend = min(spout * 0.42, drop + 4)
    front = np.linspace(0, spout - bend, 20)
    lift = np.concatenate([1.1 * (rear / radius) ** 2, 0.12 * front * (front / spout)])
    flat = np.column_stack([np.concatenate([rear, front]), lift])
    t = np.linspace(0, 1, 14)[1:, None]
    start = flat[-1]
    turn = start + np.array([bend * 1.04, bend * 0.06])
    path = np.vstack(
        [
            flat,
            (1 - t) ** 2 * start
            + 2 * t * (1 - t) * turn
            + t**2 * (start + np.array([bend, -drop])),
        ]
    )
    x = path[:, 0]
    s = np.clip(x / (1.35 * radius), 0, 1)
    taper = beak * (1 - 0.3 * np.clip(x / spout, 0, 1))
    widths = np.where(
        x < 0,
        np.sqrt(np.clip(radius**2 - x**2, 0.01, None)),
        taper + (radius - taper) * (1 - s * s * (3 - 2 * s)),
    )
    rounded = np.sqrt(np.clip(1 - (x / radius) ** 6, 0.02, 1))
    heights = np.where(x < 0, thick * rounded, thick + (min(thick, taper[-1]) - thick) * s)
    return path, widths, heights


def _orifice(path: Array, radius: float, z: float, bore: float = 0.55) -> Part:
    ahead = path[-1] - path[-2]
    ahead = ahead / np.linalg.norm(ahead)
    ends = [path[-1] - 0.2 * ahead, path[-1] + 0.06 * ahead]
    hole = tube([(float(x), float(y)) for x, y in ends], [radius * bore] * 2)
    return Part(hole.moved(z=z), SHADOW)


def slender(
    radius: float,
    height: float,
    spout: float,
    drop: float,
    material: Material,
    *,
    rise: float,
    bend: float,
    bore: float,
    crown: float,
) -> Parts:
    """A soap dispenser's head: an upright barrel and a long thin spout that bends down.

    The spout leaves the barrel upwards by ``rise`` mm over its reach; ``bend`` is the radius of
    its turn, ``bore`` its own radius, ``crown`` the swell of the barrel's top.
    """
    barrel: list[Corner] = [
        (0, 0),
        (radius, 0, 0.6),
        (radius, height, 1.2),
        (radius * 0.6, height + crown * 0.8, 6),
        (0, height + crown),
    ]
    low = height * 0.62
    line = profile(
        [(0, low), (spout, low + rise, bend), (spout + 0.8, low + rise - drop - bend * 0.5)],
        steps=14,
    )
    steps = len(line)
    arm = limb(line, np.full(steps, bore), np.full(steps, bore), power=2)
    lip = tube([(x, z) for x, z in line[-1] + np.outer((0.3, 1), (0.1, -1.4))], [bore + 0.35] * 2)
    return (
        Part(revolve(barrel), material),
        Part(arm, material),
        Part(lip, material),
        _orifice(line, bore, -1.45, 0.7),
    )


def treatment(
    radius: float,
    height: float,
    spout: float,
    material: Material,
    *,
    slant: float,
    beak: float,
    edge: float,
) -> Parts:
    """A serum head: a barrel with a slanted, softly edged top and a short, straight nozzle."""
    barrel = revolve(
        [
            (0, 0.4),
            (radius - 0.9, 0.4),
            (radius - 0.9, 0),
            (radius, 0, 0.4),
            (radius, height, edge),
            (radius * 0.5, height - 0.35, 12),
            (0, height - 0.5),
        ]
    )
    z = height * 0.7
    reach = radius + spout
    path = np.column_stack(
        [np.linspace(0, reach, 12), np.linspace(z, z + slant * 0.04 * reach, 12)]
    )
    sizes = beak * (1.15 - 0.3 * np.linspace(0, 1, 12))
    arm = limb(path, sizes, sizes, power=3)
    return (
        Part(_slanted(barrel, slant, height * 0.45), material),
        Part(arm, material),
        _orifice(path, beak * 0.85, 0, 0.5),
    )


def _slanted(mesh: Mesh, degrees: float, above: float) -> Mesh:
    """Higher towards the beak (+x) by ``degrees``, fading in from z = ``above``."""
    vertices = mesh.vertices.copy()
    fraction = np.clip(
        (vertices[:, 2] - above) / max(float(vertices[:, 2].max()) - above, 1e-6), 0, 1
    )
    vertices[:, 2] += np.tan(np.radians(degrees)) * vertices[:, 0] * fraction
    return Mesh(vertices, mesh.faces)


def foamer(
    radius: float,
    height: float,
    spout: float,
    material: Material,
    *,
    flare: float,
    beak: float,
    crown: float,
) -> Parts:
    """A foam head: a broad mushroom of ``radius`` on a narrower sleeve, and a blunt, wide beak.

    ``flare`` is the sleeve's radius over the mushroom's, ``crown`` the top's rounding over
    ``height``, at most 0.35; ``beak`` the beak's half width, mm.
    """
    foot = radius * flare
    barrel = revolve(
        [
            (0, 0),
            (foot, 0, 0.8),
            (foot * 1.01, height * 0.3, 2),
            (radius, height * 0.5, height * 0.06),
            (radius, height * 0.86, height * crown),
            (radius * 0.5, height, 4),
            (0, height + 0.2),
        ]
    )
    n = 18
    t = np.linspace(0, 1, n)
    path = np.column_stack([(radius + spout) * t, height * 0.7 - 1.2 * t**2])
    widths = beak * (1.5 - 0.62 * t)
    heights = np.minimum(height * 0.2, beak) * (1.1 - 0.35 * t)
    arm = limb(path, widths, heights, power=3)
    mouth = revolve([(0, 0), (beak * 0.5, 0), (beak * 0.5, 0.25), (0, 0.25)]).turned("y", 90)
    at = path[-1]
    return (
        Part(barrel, material),
        Part(arm, material),
        Part(mouth.moved(float(at[0]) - 0.1, 0, float(at[1])), SHADOW),
    )


def mister(radius: float, height: float, material: Material, *, dish: float, edge: float) -> Parts:
    """A fine-mist button: a finger rest hollowed by ``dish`` mm and a nozzle insert in front.

    ``edge`` is the rounding of the top over the radius, at most 0.3.
    """
    button = revolve(
        [
            (0, 0),
            (radius + 0.5, 0, 0.3),
            (radius + 0.5, 1, 0.3),
            *grooved(radius, 1.8, 0.3, 0.6),
            (radius, height, radius * edge),
            (radius * 0.5, height - dish * 0.5, radius * 0.3),
            (0, height - dish),
        ]
    )
    z = height * 0.6
    insert = revolve([(0, 0), (2.1, 0), (2.1, 1.3, 0.3), (1.5, 1.3), (1.2, 0.8), (0, 0.8)])
    hole = revolve([(0, 0), (0.45, 0), (0.45, 0.9), (0, 0.9)])
    placed = ((insert, Material("satin", "white")), (hole, SHADOW))
    return (
        Part(button, material),
        *(Part(mesh.turned("x", 90).moved(y=-radius + 0.6, z=z), skin) for mesh, skin in placed),
    )

"""Leaves and potted plants."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.phone.pieces import Piece, Surface, Thing, grid_mesh
from offline.datasets.packbench.phone.sheets import SIDE, Texture, pick, plain
from offline.datasets.packbench.setting import Colour
from offline.datasets.packbench.shapes.meshes import Mesh, revolve

GREENS = ((0.05, 0.13, 0.04), (0.09, 0.19, 0.05), (0.10, 0.16, 0.10), (0.17, 0.22, 0.09))
POTS = ((0.42, 0.18, 0.10), (0.70, 0.68, 0.64), (0.06, 0.06, 0.065), (0.40, 0.42, 0.38))


def leaf(length: float, width: float, droop: float, wave: float = 0.0) -> Mesh:
    """A blade from the origin along +y, rising, then drooping by ``droop`` radians, mm.

    uv: u across, v along. ``wave`` is the height of its margin's ripple, mm.
    """
    along, across = np.linspace(0, 1, 25), np.linspace(-1, 1, 9)
    half = width / 2 * np.sin(math.pi * along**0.8) ** 0.8
    angle = 0.55 - droop * along**1.4
    step = length / (len(along) - 1)
    y, z = (np.concatenate([[0], np.cumsum(f(angle[1:]) * step)]) for f in (np.cos, np.sin))
    x = half[:, None] * across[None]
    fold = 0.28 * np.abs(x) + wave * np.sin(9 * math.pi * along)[:, None] * across[None] ** 2
    points = np.dstack([x, np.broadcast_to(y[:, None], x.shape), z[:, None] + fold])
    u, v = np.broadcast_arrays(across[None] / 2 + 0.5, along[:, None])
    return grid_mesh(points, np.dstack([u, v]))


def leaf_surface(rng: np.random.Generator) -> Surface:
    """Green with a paler midrib and side veins."""
    green: Colour = pick(GREENS, rng)
    v, u = np.mgrid[0:SIDE:4, 0:SIDE:4] / SIDE
    off = np.abs(u - 0.5)
    rib = np.exp(-((off / 0.035) ** 2))
    side = np.clip(np.cos(2 * math.pi * (v * 11 - off * 9)) * 6 - 5, 0, 1) * (off < 0.45)
    pale = 1 + 0.8 * rib + 0.35 * side + rng.uniform(0, 0.5) * off
    texture: Texture = (pale[..., None] * np.asarray(green)).astype(np.float32)
    return Surface(texture, rng.uniform(0.15, 0.4))


def plant(rng: np.random.Generator) -> Thing:
    """A small pot with leaves that fan out of it, 120 to 220 mm high."""
    radius, height = rng.uniform(28, 48), rng.uniform(45, 80)
    pot = revolve(
        [
            (0, 0),
            (radius * 0.75, 0, 2),
            (radius * 0.95, height - 12),
            (radius, height - 12, 1),
            (radius, height, 1),
            (radius - 4, height, 1),
            (radius - 5, height - 8),
            (0, height - 8),
        ]
    )
    clay = Surface(plain(*pick(POTS, rng)), 0.5)
    green, slim = leaf_surface(rng), rng.uniform(0.16, 0.5)
    blades: list[Piece] = []
    for i in range(int(rng.integers(9, 18))):
        length = rng.uniform(60, 130)
        blade = leaf(length, length * slim, rng.uniform(0.5, 2.2), 1.5)
        tilted = blade.turned("x", rng.uniform(0, 55)).turned("z", i * 137.5)  # golden angle
        blades.append(Piece(tilted.moved(z=height - 8), green))
    return (Piece(pot, clay), *blades)

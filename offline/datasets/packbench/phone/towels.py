"""Terry towels, rolled and folded, mm."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.phone.pieces import Piece, Surface, Thing, grid_mesh, planar
from offline.datasets.packbench.phone.sheets import Sheet, pick, tinted
from offline.datasets.packbench.setting import Colour
from offline.datasets.packbench.shapes.meshes import Mesh, box

TOWELS = ((0.72, 0.71, 0.69), (0.42, 0.48, 0.50), (0.60, 0.46, 0.40), (0.30, 0.33, 0.28))


def rolled_towels(rng: np.random.Generator) -> Thing:
    """One to three terry towels rolled up, their spirals seen from the end."""
    cloth = _terry(rng, pick(TOWELS, rng))
    radius, length = rng.uniform(34, 52), rng.uniform(160, 260)
    roll = _roll(radius, length, rng)
    spots = ((0, 0), (2 * radius, 0), (radius, radius * math.sqrt(3)))[: int(rng.integers(1, 4))]
    return tuple(Piece(roll.moved(x, 0, z + radius), cloth) for x, z in spots)


def folded_towels(rng: np.random.Generator) -> Thing:
    """A pile of folded towels, each layer bulging a little."""
    pile: list[Piece] = []
    level, width, depth = 0.0, rng.uniform(150, 240), rng.uniform(110, 170)
    for _ in range(int(rng.integers(2, 4))):
        cloth = _terry(rng, pick(TOWELS, rng))
        for _ in range(2):
            thick = rng.uniform(13, 20)
            layer = box(width + rng.normal(0, 3), depth + rng.normal(0, 3), thick, 9, thick * 0.46)
            pile.append(Piece(_ruffled(planar(layer.moved(z=level), 70), rng), cloth))
            level += thick * 0.94
    return tuple(pile)


def _roll(radius: float, length: float, rng: np.random.Generator) -> Mesh:
    """A towel's spiral, extruded along y, its layers 6 mm apart."""
    turns = radius / 6
    angle = np.linspace(0.6, turns, int(turns * 36)) * 2 * math.pi
    reach = 6 * angle / (2 * math.pi) * (1 + 0.012 * np.sin(angle * 1.7))
    curve = np.column_stack([reach * np.cos(angle), reach * np.sin(angle)])
    outward = np.column_stack([np.cos(angle), np.sin(angle)])
    away = np.vstack([outward, -outward[::-1], outward[:1]])  # from the cloth's middle
    middle = np.vstack([curve, curve[::-1], curve[:1]])
    deep = np.array([-0.5, -0.494, 0.494, 0.5]) * length
    thick = np.array([0.0, 2.6, 2.6, 0.0])[:, None, None]  # closed at both hems
    section = middle + thick * away
    points = np.dstack(
        [section[..., 0], np.broadcast_to(deep[:, None], section.shape[:2]), section[..., 1]]
    )
    along = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(middle, axis=0), axis=1))])
    return grid_mesh(points, np.dstack(np.broadcast_arrays(along / 70, deep[:, None] / 70)))


def _ruffled(mesh: Mesh, rng: np.random.Generator) -> Mesh:
    wave = rng.uniform(0.01, 0.03, (2, 3))
    phase = np.sin(mesh.vertices @ wave.T + rng.uniform(0, 6, 2)).sum(axis=1)
    return Mesh(mesh.vertices + np.array([0, 0, 0.9]) * phase[:, None], mesh.faces, mesh.uv)


def _terry(rng: np.random.Generator, colour: Colour) -> Surface:
    sheet = Sheet(70, rng)
    loops = sheet.clouds((1.1, 1.1), 1)
    return Surface(tinted(colour, 0.55 + 0.65 * loops), 0.9)

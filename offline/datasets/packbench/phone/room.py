"""A table, what stands on it and the wall behind, around one product; mm, the product at 0."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from offline.datasets.packbench.camera import Posed, posed
from offline.datasets.packbench.parameters import View
from offline.datasets.packbench.phone.clutter import clutter
from offline.datasets.packbench.phone.occluders import Occluder
from offline.datasets.packbench.phone.pieces import Piece, Surface, Thing, extruded, placed, shapes
from offline.datasets.packbench.phone.sheets import Sheet, plain
from offline.datasets.packbench.phone.sight import Sight
from offline.datasets.packbench.phone.tables import TABLES, table_top
from offline.datasets.packbench.phone.walls import WALLS, wall
from offline.datasets.packbench.render import described
from offline.datasets.packbench.shapes.meshes import Array, profile
from offline.datasets.packbench.shapes.parts import Parts

CLEAR = 6.0  # mm between things
TRIES = 10  # spots tried for each thing
MOST = 6  # things on a table
PACKAGES = 0.5  # fraction of them that are other packages


@dataclass(frozen=True)
class Spot:
    """A free disc on the table."""

    x: float
    y: float
    radius: float


def table_and_wall(sight: Sight, held: Occluder, depth: float, rng: np.random.Generator) -> Thing:
    """A table top with a rounded front edge, and a wall ``depth`` mm behind the product."""
    span = float(np.clip(3.2 * sight.reach, 260, 700))  # mm a sheet of texture
    lowest, furthest = sight.points[:, 1].min(), _furthest(sight, held)
    shelf = not held.thing and rng.uniform() < 0.15
    front = float(lowest) - (rng.uniform(14, 45) if shelf else 900)
    back = furthest + depth
    edge = profile([(front + 1, -700), (front, -24), (front, 0, 2), (back, 0)])
    top = extruded(edge - (0, held.lift), 1500, span, rng.choice([0, 0, 0, 90]) + rng.normal(0, 8))
    upright = np.array([[back, -900.0], [back, 2600.0]])
    behind = extruded(upright, 3000, span * 1.3)
    names = [list(TABLES)[rng.integers(len(TABLES))], list(WALLS)[rng.integers(len(WALLS))]]
    sheets = [Sheet(span, rng), Sheet(span * 1.3, rng)]
    things = Piece(top, table_top(names[0], sheets[0])), Piece(behind, wall(names[1], sheets[1]))
    floor = extruded(np.array([[-4000.0, -900.0], [back, -900.0]]), 3000, span)
    return (*things, Piece(floor, Surface(plain(0.22, 0.17, 0.13), 0.5)))


def cluttered(
    sight: Sight,
    held: Occluder,
    depth: float,
    distractors: Sequence[Parts],
    scale: float,
    folder: Path,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Things about the product, none of them between it and the camera."""
    taken: list[Spot] = []
    shown: dict[str, dict[str, Any]] = {}
    wanted = int(rng.choice(MOST + 1, p=(0.12, 0.16, 0.2, 0.2, 0.16, 0.1, 0.06)))
    for i in range(wanted):
        name = f"clutter{i:02}-"
        if len(distractors) and rng.uniform() < PACKAGES:
            package = _package(distractors[int(rng.integers(len(distractors)))], scale, rng)
            spot = _free(sight, held, depth, package.points / scale, taken, rng)
            if spot:
                shown |= described(_moved(package, spot, -held.lift), folder, name)
        else:
            thing = clutter(rng)
            footprint = np.vstack([piece.mesh.vertices for piece in thing])
            spot = _free(sight, held, depth, footprint, taken, rng)
            if spot:
                moved = placed(thing, spot.x, spot.y, -held.lift)
                shown |= shapes(moved, scale, name, folder)
        taken += [spot] if spot else []
    return shown


def _package(parts: Parts, scale: float, rng: np.random.Generator) -> Posed:
    """Another package upright, ``scale`` units a mm, turned somewhat."""
    stood = posed(parts, View("beside", rng.uniform(-70, 70), 0))
    grown = scale / stood.units_per_mm
    return replace(stood, vertices=tuple(v * grown for v in stood.vertices), units_per_mm=scale)


def _moved(package: Posed, spot: Spot, level: float) -> Posed:
    to = np.array([spot.x, spot.y, level]) * package.units_per_mm
    return replace(package, vertices=tuple(v + to for v in package.vertices))


def _free(
    sight: Sight,
    held: Occluder,
    depth: float,
    footprint: Array,
    taken: Sequence[Spot],
    rng: np.random.Generator,
) -> Spot | None:
    """A spot in the image that is behind or beside the product and that nothing else takes.

    The camera stands at x = 0: what keeps clear of the product's width, or behind it, never
    comes between them.
    """
    radius = float(np.hypot(footprint[:, 0], footprint[:, 1]).max()) + CLEAR / 2
    half = float(np.abs(sight.points[:, 0]).max())
    back = float(sight.points[:, 1].max())
    wall_y = _furthest(sight, held) + depth
    near = float(sight.eye[1]) * 0.45
    far = wall_y - radius
    for _ in range(TRIES if far > near else 0):
        x, y = rng.uniform(-1, 1) * (half + 1.6 * sight.reach), rng.uniform(near, far)
        behind = y - radius > max(back, held.depth) + CLEAR
        beside = abs(x) - radius > half + CLEAR and not (held.thing and y < held.depth)
        clear = all(math.hypot(x - o.x, y - o.y) > radius + o.radius for o in taken)
        middle = np.array([[x, y, footprint[:, 2].max() / 2 - held.lift]])
        if (behind or beside) and clear and sight.framed(middle, 0.12)[0]:
            return Spot(x, y, radius)
    return None


def _furthest(sight: Sight, held: Occluder) -> float:
    return max(float(sight.points[:, 1].max()), held.depth) + CLEAR

"""The look of query photos: a product photographed with a phone.

``view`` and ``size`` draw how the phone is held, ``scene`` what surrounds the product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from offline.datasets.packbench.camera import Camera, Posed
from offline.datasets.packbench.parameters import Category, View
from offline.datasets.packbench.phone.light import lighting
from offline.datasets.packbench.phone.occluders import occluder
from offline.datasets.packbench.phone.pieces import shapes
from offline.datasets.packbench.phone.room import cluttered, table_and_wall
from offline.datasets.packbench.phone.sight import sight
from offline.datasets.packbench.setting import Setting, sky
from offline.datasets.packbench.shapes.parts import Parts

__all__ = ["scene", "size", "view"]

NEAR, FAR = 2.8, 6.0  # bounding radii: from close up, strong perspective, to arm's length
FRONT = 0.9  # fraction of photos that show the front rather than any side
FIRST_TIP = 0.7  # fraction of photos that show a product in its usual pose
SQUARE = 0.2  # fraction of square photos; of the others two in three are upright


def scene(
    product: Posed,
    rng: np.random.Generator,
    folder: Path,
    distractors: Sequence[Parts] = (),
    *,
    camera: Camera,
    occluded: float | None = None,
) -> Setting:
    """A lit table top with a wall, clutter at true size and sometimes an occluder.

    ``distractors`` are other packages, mm, that may be among the clutter. ``camera`` determines
    where things hide nothing of the product, and how much of it an occluder hides; ``occluded``
    is the fraction of photos with one. The meshes are written to ``folder``.
    """
    seen = sight(product, camera, rng)
    scale = product.units_per_mm
    held = occluder(seen, rng, occluded)
    depth = float(rng.choice([rng.uniform(25, 120), rng.uniform(120, 700)]))
    room = shapes(table_and_wall(seen, held, depth, rng), scale, "room", folder)
    about = cluttered(seen, held, depth, distractors, scale, folder, rng)
    light = lighting(rng)
    frame = shapes(light.frame, scale, "frame", folder)
    before = shapes(held.thing, scale, "before", folder)
    return Setting(
        {**room, **about, **frame}, {"sky": sky(light.ambient, light.boxes)}, occluders=before
    )


def view(category: Category, rng: np.random.Generator) -> View:
    """A casual look at a product of ``category``; the whole product stays in the frame."""
    tip = _tip(category.tips, rng)
    front = tip == category.tips[0] and rng.uniform() < FRONT
    fill = rng.uniform(0.35, 0.75)
    room = min(0.25, 0.75 * (0.97 - fill))  # the shorter side is 3/4 of the longer one
    return View(
        name="phone",
        azimuth=rng.uniform(-58, 58) if front else rng.uniform(-180, 180),
        elevation=rng.uniform(*category.phone),
        tip=tip,
        fill=fill,
        roll=float(np.clip(rng.normal(0, 5), -14, 14)),
        shift=(rng.uniform(-room, room), rng.uniform(-room, room)),
        distance=math.exp(rng.uniform(math.log(NEAR), math.log(FAR))),
    )


def size(rng: np.random.Generator, longer: int) -> tuple[int, int]:
    """Width and height in pixels, the longer one ``longer``: 3:4, 4:3 or square."""
    shorter = round(longer * 3 / 4)
    if rng.uniform() < SQUARE:
        return longer, longer
    return (shorter, longer) if rng.uniform() < 2 / 3 else (longer, shorter)


def _tip(tips: tuple[float, ...], rng: np.random.Generator) -> float:
    if len(tips) == 1 or rng.uniform() < FIRST_TIP:
        return tips[0]
    return tips[1 + int(rng.integers(len(tips) - 1))]

"""How somebody holds the phone: pose, framing and format of a snapshot."""

from __future__ import annotations

import math

import numpy as np

from offline.datasets.packbench.parameters import Category, View

NEAR, FAR = 2.8, 6.0  # bounding radii: from close up, strong perspective, to arm's length
FRONT = 0.9  # share of photos that show the front rather than any side
FIRST_TIP = 0.7  # share of photos that show a product in its usual pose
SQUARE = 0.2  # share of square photos; of the others two in three are upright


def view(category: Category, rng: np.random.Generator) -> View:
    """A casual look at a product of ``category``; the whole product stays in the frame."""
    tip = _tip(category.tips, rng)
    front = tip == category.tips[0] and rng.uniform() < FRONT
    fill = rng.uniform(0.35, 0.75)
    room = min(0.25, 0.75 * (0.97 - fill))  # the shorter side has 3/4 of the longer one's reach
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


def size(rng: np.random.Generator, side: int) -> tuple[int, int]:
    """Width and height in pixels, the longer one ``side``: 3:4, 4:3 or square."""
    short = round(side * 3 / 4)
    if rng.uniform() < SQUARE:
        return side, side
    return (short, side) if rng.uniform() < 2 / 3 else (side, short)


def _tip(tips: tuple[float, ...], rng: np.random.Generator) -> float:
    if len(tips) == 1 or rng.uniform() < FIRST_TIP:
        return tips[0]
    return tips[1 + int(rng.integers(len(tips) - 1))]

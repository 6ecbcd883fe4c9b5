"""Walls behind a table, from plain plaster to brick."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from offline.datasets.packbench.phone.pieces import Surface
from offline.datasets.packbench.phone.sheets import Sheet, Texture, mixed, tiled, tinted

PAINTS = (
    (0.70, 0.68, 0.64),
    (0.55, 0.52, 0.47),
    (0.30, 0.36, 0.38),
    (0.62, 0.50, 0.42),
    (0.16, 0.17, 0.20),
    (0.45, 0.50, 0.42),
    (0.66, 0.60, 0.50),
    (0.35, 0.22, 0.20),
)


def plaster(sheet: Sheet) -> Texture:
    """Trowelled plaster: broad strokes and fine grain."""
    strokes = sheet.clouds((45, 90), 4)
    grain = sheet.clouds((2.5, 2.5), 1)
    return tinted(sheet.pick(*PAINTS), 0.82 + 0.25 * strokes + 0.1 * grain)


def plain(sheet: Sheet) -> Texture:
    """Painted wall with a roller's faint texture."""
    return tinted(sheet.pick(*PAINTS), 0.96 + 0.05 * sheet.clouds((4, 4), 2))


def brick(sheet: Sheet) -> Texture:
    """Stretcher bond, 71 by 240 mm with its joint; sometimes whitewashed."""
    courses = tiled(sheet, 71, 240, 0.5)
    worn = courses.shades(sheet.rng, 0.6, 1.25) * (0.75 + 0.5 * sheet.clouds((12, 18), 4))
    bricks = tinted(sheet.pick((0.36, 0.14, 0.09), (0.42, 0.24, 0.16), (0.64, 0.61, 0.57)), worn)
    return mixed(bricks, (0.42, 0.40, 0.36), courses.joints(10, 3))


def tiles(sheet: Sheet) -> Texture:
    """Metro tiles, as over a kitchen worktop or in a bathroom."""
    courses = tiled(sheet, *sheet.pick((75, 150, 0.5), (100, 100, 0), (60, 200, 0.33)))
    glaze = tinted(
        sheet.pick((0.72, 0.71, 0.68), (0.30, 0.42, 0.44), (0.50, 0.56, 0.48)),
        courses.shades(sheet.rng, 0.9, 1.06),
    )
    return mixed(glaze, (0.40, 0.39, 0.37), courses.joints(3))


def wallpaper(sheet: Sheet) -> Texture:
    """A motif of petals or stripes repeated on a coloured background."""
    paper = tinted(sheet.pick(*PAINTS), 0.97 + 0.05 * sheet.clouds((5, 5), 2))
    ink = sheet.pick((0.70, 0.66, 0.56), (0.20, 0.26, 0.24), (0.50, 0.30, 0.28))
    period = sheet.mm / round(sheet.mm / sheet.rng.uniform(45, 90))
    x, y = (2 * math.pi * axis / period for axis in (sheet.x, sheet.y))
    if sheet.rng.uniform() < 0.4:
        return mixed(paper, ink, np.asarray(np.clip(np.sin(x) * 4 - 1.5, 0, 1), np.float32))
    petals = np.cos(x) + np.cos(y) + 0.9 * np.cos(2 * x) * np.cos(3 * y)
    return mixed(paper, ink, np.asarray(np.clip((petals - 0.9) * 4, 0, 0.8), np.float32))


def panels(sheet: Sheet) -> Texture:
    """Upright tongue-and-groove boards, painted or bare."""
    boards = tiled(sheet, 4000, sheet.rng.uniform(70, 120))
    bare = sheet.rng.uniform() < 0.5
    grain = sheet.clouds((60, 1.6), 3) if bare else np.float32(0.5)
    colour = sheet.pick((0.34, 0.20, 0.11), (0.46, 0.32, 0.20)) if bare else sheet.pick(*PAINTS)
    shade = (0.8 + 0.4 * grain) * boards.shades(sheet.rng, 0.9, 1.08)
    return tinted(colour, np.asarray(shade * (1 - 0.55 * boards.joints(5, 2)), np.float32))


WALLS: dict[str, tuple[Callable[[Sheet], Texture], float]] = {  # and the roughness of its coat
    "plaster": (plaster, 0.7),
    "plain": (plain, 0.5),
    "brick": (brick, 0.7),
    "tiles": (tiles, 0.1),
    "wallpaper": (wallpaper, 0.6),
    "panels": (panels, 0.4),
}


def wall(name: str, sheet: Sheet) -> Surface:
    """The named wall's surface; a KeyError is a caller's mistake: WALLS lists them."""
    draw, alpha = WALLS[name]
    return Surface(draw(sheet), alpha)

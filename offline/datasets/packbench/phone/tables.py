"""Table tops that a product stands on in a casual photo."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from offline.datasets.packbench.phone.pieces import Surface
from offline.datasets.packbench.phone.sheets import (
    SIDE,
    Sheet,
    Texture,
    mixed,
    tiled,
    tinted,
)

OAK = ((0.36, 0.21, 0.11), (0.50, 0.34, 0.20), (0.17, 0.085, 0.042), (0.56, 0.44, 0.31))
CLOTH = ((0.45, 0.42, 0.36), (0.20, 0.27, 0.33), (0.48, 0.30, 0.26), (0.66, 0.64, 0.60))
LAMINATE = (
    (0.74, 0.73, 0.71),
    (0.52, 0.54, 0.55),
    (0.61, 0.52, 0.42),
    (0.10, 0.11, 0.12),
    (0.30, 0.40, 0.38),
    (0.67, 0.45, 0.40),
)


def oak(sheet: Sheet) -> Texture:
    """Boards with grain along x, each cut from another place of the tree."""
    boards = tiled(sheet, sheet.rng.uniform(70, 160), 1400, 0.37)
    fine = sheet.clouds((1.4, 40), 2)
    rings = sheet.clouds((16, 260), 3) * 9 + boards.shades(sheet.rng, 0, 5)
    grain = 0.5 + 0.5 * np.sin(2 * math.pi * rings)
    shade = (0.78 + 0.2 * grain + 0.3 * fine) * boards.shades(sheet.rng, 0.82, 1.1)
    return tinted(sheet.pick(*OAK), shade * (1 - 0.6 * boards.joints(1.2)))


def marble(sheet: Sheet) -> Texture:
    """Pale or dark stone with thin veins where a cloud crosses its middle."""
    veins = np.exp(-np.abs(sheet.clouds((130, 110), 5) - 0.5) * 42)
    hair = np.exp(-np.abs(sheet.clouds((60, 80), 4) - 0.5) * 90)
    base = tinted(
        sheet.pick((0.68, 0.67, 0.65), (0.68, 0.67, 0.65), (0.035, 0.04, 0.04)),
        0.93 + 0.12 * sheet.clouds((70, 70)),
    )
    vein = (0.30, 0.29, 0.28) if base.mean() > 0.3 else (0.55, 0.52, 0.46)
    return mixed(base, vein, np.asarray(np.clip(0.6 * veins + 0.35 * hair, 0, 1), np.float32))


def linen(sheet: Sheet) -> Texture:
    """Coarse woven cloth with slubs, and the soft waves that it lies in."""
    threads = round(sheet.mm / max(1.6, 3.2 * sheet.mm / SIDE))
    pitch = 2 * math.pi * threads / sheet.mm
    weave = 0.8 + 0.1 * (np.sin(sheet.x * pitch) + np.sin(sheet.y * pitch))
    slub = 0.86 + 0.14 * sheet.clouds((1.5, 26), 1) + 0.14 * sheet.clouds((26, 1.5), 1)
    waves = 0.9 + 0.2 * sheet.clouds((90, 140), 2)
    return tinted(sheet.pick(*CLOTH), weave * slub * waves)


def slate(sheet: Sheet) -> Texture:
    """Dark mottled stone with paler cleavage."""
    cleft = sheet.clouds((60, 22), 5)
    return tinted((0.085, 0.093, 0.10), 0.5 + 0.8 * cleft + 0.9 * (cleft > 0.72) * cleft)


def terrazzo(sheet: Sheet) -> Texture:
    """Chips of several stones in a pale cement."""
    texture = tinted((0.62, 0.60, 0.57), 0.95 + 0.08 * sheet.clouds((3, 3), 2))
    for chip in ((0.25, 0.22, 0.20), (0.55, 0.30, 0.20), (0.40, 0.44, 0.42), (0.75, 0.72, 0.68)):
        fraction = np.clip((sheet.clouds((9, 9), 2) - 0.67) * 30, 0, 1)
        texture = mixed(texture, chip, fraction)
    return texture


def tiles(sheet: Sheet) -> Texture:
    """Square glazed tiles, each of its own shade."""
    side = sheet.rng.uniform(60, 150)
    grid = tiled(sheet, side, side)
    glaze = sheet.pick((0.70, 0.69, 0.66), (0.24, 0.38, 0.40), (0.62, 0.58, 0.50), (0.2, 0.2, 0.2))
    base = tinted(
        glaze, grid.shades(sheet.rng, 0.86, 1.08) * (0.96 + 0.08 * sheet.clouds((20, 20)))
    )
    return mixed(base, sheet.pick((0.45, 0.43, 0.40), (0.16, 0.15, 0.14)), grid.joints(2.6))


def laminate(sheet: Sheet) -> Texture:
    """A plain worktop, faintly mottled and worn."""
    wear = 1 - 0.12 * (sheet.clouds((8, 60), 3) > 0.82)
    return tinted(sheet.pick(*LAMINATE), (0.95 + 0.08 * sheet.clouds((50, 50), 4)) * wear)


def newspaper(sheet: Sheet) -> Texture:
    """Columns of print too small to read, under headlines."""
    paper = tinted((0.60, 0.57, 0.51), 0.94 + 0.1 * sheet.clouds((60, 60)))
    heads = sheet.print(9, 4.5) * ((sheet.y % 120) > 92)
    text = sheet.print(2.9, 1.3) * ((sheet.y % 120) <= 88) * ((sheet.x % 48) > 4)
    return mixed(paper, (0.04, 0.04, 0.045), np.asarray(heads + 0.7 * text, np.float32))


def paint(sheet: Sheet) -> Texture:
    """An even coloured board, as sellers lay under what they photograph."""
    colour = 0.06 + 0.6 * sheet.rng.uniform(size=3) ** 1.3
    muted = 0.5 * colour + 0.5 * colour.mean()
    return tinted(muted.tolist(), 0.97 + 0.05 * sheet.clouds((90, 90)))


TABLES: dict[str, tuple[Callable[[Sheet], Texture], float]] = {  # and the roughness of its coat
    "oak": (oak, 0.28),
    "marble": (marble, 0.12),
    "linen": (linen, 0.6),
    "slate": (slate, 0.35),
    "terrazzo": (terrazzo, 0.2),
    "tiles": (tiles, 0.12),
    "laminate": (laminate, 0.25),
    "newspaper": (newspaper, 0.5),
    "paint": (paint, 0.4),
    "lacquer": (paint, 0.06),
}


def table_top(name: str, sheet: Sheet) -> Surface:
    """The named top's surface; a KeyError is a caller's mistake: TABLES lists them."""
    draw, alpha = TABLES[name]
    return Surface(draw(sheet), alpha)

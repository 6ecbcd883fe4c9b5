"""Where a phone would see the products: table tops as textures, walls, windows; all from a seed."""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.datasets.demo.scene import Table

Texture = NDArray[np.float32]  # (SIDE, SIDE, 3) linear RGB

SIDE = 768
WALLS = (
    (0.55, 0.52, 0.47),
    (0.30, 0.36, 0.38),
    (0.62, 0.50, 0.42),
    (0.16, 0.17, 0.20),
    (0.45, 0.50, 0.42),
)


def setting(name: str, rng: np.random.Generator) -> Table:
    """A table of this name under light and against a wall drawn from ``rng``."""
    draw = {"oak": oak, "marble": marble, "linen": linen, "slate": slate}[name]
    side = rng.choice([-1, 1])
    return Table(
        texture=draw(rng), wall=WALLS[rng.integers(len(WALLS))],
        window=float(side * rng.uniform(35, 115)), warmth=float(rng.uniform(0.92, 1.18)),
    )  # fmt: skip


def oak(rng: np.random.Generator) -> Texture:
    """Planks with grain along x."""
    grain = _clouds(rng, (160, 4)) * 0.5 + _clouds(rng, (380, 10)) * 0.5
    y = np.arange(SIDE)[:, None] / SIDE
    plank = np.floor(y * 9)
    shade = 0.85 + 0.3 * rng.random(9)[plank.astype(int)]
    gap = np.where(np.abs(y * 9 - np.round(y * 9)) < 0.018, 0.45, 1.0)
    return _tinted((0.36, 0.21, 0.11), (0.62 + 0.7 * grain) * shade * gap)


def marble(rng: np.random.Generator) -> Texture:
    """Pale stone with thin veins where a cloud crosses its middle."""
    veins = np.exp(-np.abs(_clouds(rng, (5, 5), 5) - 0.5) * 45)
    return _tinted((0.66, 0.65, 0.63), 1 - 0.45 * veins - 0.08 * _clouds(rng, (9, 9)))


def linen(rng: np.random.Generator) -> Texture:
    """Coarse woven cloth."""
    t = np.arange(SIDE) * (2 * math.pi / 6)
    weave = 0.82 + 0.09 * (np.sin(t)[:, None] + np.sin(t)[None])
    base = ((0.45, 0.42, 0.36), (0.20, 0.27, 0.33), (0.48, 0.30, 0.26))[rng.integers(3)]
    return _tinted(base, weave * (0.85 + 0.3 * _clouds(rng, (200, 200))))


def slate(rng: np.random.Generator) -> Texture:
    """A dark mottled worktop."""
    return _tinted((0.09, 0.10, 0.11), 0.6 + 0.9 * _clouds(rng, (60, 60), 4))


def _clouds(rng: np.random.Generator, cells: tuple[int, int], octaves: int = 3) -> Texture:
    """Value noise in [0, 1] with ``cells`` = rows, columns in its coarsest octave."""
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        grid = rng.random((cells[0] * 2**octave, cells[1] * 2**octave)).astype(np.float32)
        total += cv2.resize(grid, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) * 0.5**octave
    low, high = float(total.min()), float(total.max())
    clouds: Texture = (total - low) / (high - low)
    return clouds


def _tinted(colour: tuple[float, float, float], shade: NDArray[np.floating]) -> Texture:
    picture = np.asarray(shade)[..., None] * np.array(colour)
    texture: Texture = np.clip(picture, 0.005, 0.9).astype(np.float32)
    return texture

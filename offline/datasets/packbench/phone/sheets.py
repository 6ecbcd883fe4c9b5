"""Painted surfaces: noise, tiles and stripes on a square sheet of known size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from offline.datasets.packbench.setting import Colour

Texture = NDArray[np.float32]  # (H, W, 3) linear RGB
Shade = NDArray[np.float32]  # (H, W), multiplies a colour

SIDE = 512  # px of a sheet; a phone photo shows about half of one over its own 256 px


@dataclass(frozen=True)
class Sheet:
    """A square of surface to paint, ``mm`` wide and high; rows run along y, columns along x."""

    mm: float
    rng: np.random.Generator

    @property
    def x(self) -> Shade:
        """(1, SIDE) mm from the left."""
        return np.asarray((np.arange(SIDE)[None] + 0.5) * (self.mm / SIDE), np.float32)

    @property
    def y(self) -> Shade:
        """(SIDE, 1) mm from the top."""
        return np.asarray(self.x.T)

    def clouds(self, period: tuple[float, float], octaves: int = 3) -> Shade:
        """Value noise in [0, 1] that repeats seamlessly; ``period`` = the coarsest in y, x, mm."""
        total = np.zeros((SIDE, SIDE), np.float32)
        for octave in range(octaves):
            rows, columns = (int(np.clip(self.mm / p * 2**octave, 2, SIDE)) for p in period)
            grid = self.rng.random((rows, columns), dtype=np.float32)
            total += _enlarged(grid) * 0.5**octave
        low, high = float(total.min()), float(total.max())
        return np.asarray((total - low) / max(high - low, 1e-6), np.float32)

    def print(self, pitch: float, letter: float) -> Shade:
        """1 where lines ``pitch`` mm apart carry words of letters ``letter`` mm wide, else 0."""
        size = int(self.mm / letter) + 1, int(self.mm / pitch) + 1
        letters = (self.rng.random(size[::-1], dtype=np.float32) > 0.17).astype(np.float32)
        letters *= self.rng.uniform(0.55, 1, size[::-1])
        spread = cv2.resize(letters, (SIDE, SIDE), interpolation=cv2.INTER_NEAREST)
        line = (self.y * size[1] / self.mm) % 1
        return np.asarray(spread * (np.abs(line - 0.5) < 0.24), np.float32)

    def pick(self, *offered: Colour) -> Colour:
        return pick(offered, self.rng)


@dataclass(frozen=True)
class Tiling:
    """Which tile each texel lies on, and how far its centre is from the tile's edge."""

    number: NDArray[np.int64]  # (SIDE, SIDE)
    inside: Shade  # (SIDE, SIDE) mm

    def shades(self, rng: np.random.Generator, low: float, high: float) -> Shade:
        """One shade a tile."""
        drawn = rng.uniform(low, high, int(self.number.max()) + 1)
        return np.asarray(drawn[self.number], np.float32)

    def joints(self, width: float, soft: float = 0.6) -> Shade:
        """1 on the joints of ``width`` mm, 0 on the tiles."""
        return np.asarray(np.clip((width / 2 - self.inside) / soft + 0.5, 0, 1), np.float32)


def tiled(sheet: Sheet, height: float, width: float, stagger: float = 0) -> Tiling:
    """Tiles of about this size in mm, whole numbers of them to a sheet.

    Each row is shifted by ``stagger`` tiles against the last.
    """
    height, width = (sheet.mm / max(1, round(sheet.mm / size)) for size in (height, width))
    row = np.floor(sheet.y / height)
    along = sheet.x / width + row * stagger
    column = np.floor(along)
    edge = np.minimum(
        np.minimum(along - column, 1 - along + column) * width,
        np.minimum(sheet.y / height - row, 1 - sheet.y / height + row) * height,
    )
    number = (row * (int(column.max()) + 2) + column).astype(np.int64)
    return Tiling(number, np.asarray(edge, np.float32))


def _enlarged(grid: Shade) -> Shade:
    """(SIDE, SIDE): ``grid`` (R, C) between its values, the last beside the first again."""
    rows, columns = grid.shape
    y, x = ((np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE * n + 1.5 for n in (rows, columns))
    around = np.pad(grid, 2, mode="wrap")
    along, down = (np.array(w) for w in np.broadcast_arrays(x[None], y[:, None]))
    return np.asarray(cv2.remap(around, along, down, cv2.INTER_CUBIC), np.float32)


def tinted(colour: Sequence[float], shade: Shade) -> Texture:
    """``colour`` times ``shade``, kept within the albedos that real surfaces have."""
    texture = shade[..., None] * np.asarray(colour, np.float32)
    return np.asarray(np.clip(texture, 0.005, 0.88), np.float32)


def mixed(base: Texture, over: Sequence[float], fraction: Shade) -> Texture:
    """``over`` painted on ``base`` where ``fraction`` is 1."""
    fraction = np.broadcast_to(fraction, base.shape[:2])[..., None]
    return np.asarray(base + fraction * (np.asarray(over, np.float32) - base), np.float32)


def plain(*colour: float) -> Texture:
    """One texel."""
    return np.asarray([[colour]], np.float32)


def pick(offered: tuple[Colour, ...], rng: np.random.Generator) -> Colour:
    """Any of the colours."""
    return offered[int(rng.integers(len(offered)))]

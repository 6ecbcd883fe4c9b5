"""Small tiling textures: wood grain, pressed powder, velour, and prints in ink or relief."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

Texture = NDArray[np.float32]  # (H, W, 1 or 3), linear reflectance or a factor of it
SIDE = 256  # pixels of a tile


def printed(base: Texture, ink: Texture, cover: Texture) -> Texture:
    """(H, W, 3): ``ink`` (3,) over ``base`` (3,) where ``cover`` (H, W) says."""
    share = cover[..., None]
    return np.asarray(base * (1 - share) + ink * share, np.float32)


def emboss(base: Texture, cover: Texture) -> Texture:
    """(H, W, 3): ``base`` raised where ``cover`` is: edges towards the light above are lighter."""
    height = cv2.GaussianBlur(cover, (0, 0), 1.2)
    slope = np.gradient(height, axis=0) - 0.4 * np.gradient(height, axis=1)
    shade = np.clip(1 + 1.3 * slope - 0.1 * height, 0.45, 1.35)
    return np.asarray(np.clip(base * shade[..., None], 0, 0.9), np.float32)


@cache
def grain() -> Texture:
    """(256, 256, 1) factor: lengthwise fibres of unequal darkness and a few pores, mean near 1."""
    rng = np.random.default_rng(0x600D)
    rings = _noise(rng, 5, 90) * 0.14
    fibres = _noise(rng, 0.8, 40) * 0.07
    pores = np.minimum(_noise(rng, 0.7, 9) + 1.6, 0) * 0.16
    return _tile(1 + rings + fibres + pores)


@cache
def speckle() -> Texture:
    """(256, 256, 1) factor: the fine unevenness of pressed powder."""
    rng = np.random.default_rng(0x9071)
    return _tile(1 + 0.03 * _noise(rng, 1.6, 1.6) + 0.015 * _noise(rng, 6, 6))


@cache
def pile() -> Texture:
    """(256, 256, 1) factor: velour, whose tufts lean and shade each other."""
    rng = np.random.default_rng(0x711E)
    return _tile(1 + 0.055 * _noise(rng, 2.2, 3.4) + 0.015 * _noise(rng, 12, 18))


def _noise(rng: np.random.Generator, across: float, along: float) -> Texture:
    """(256, 256) of unit variance that tiles; smooth over so many pixels each way."""
    white = np.tile(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (3, 3))
    smooth = cv2.GaussianBlur(white, (0, 0), sigmaX=across, sigmaY=along)
    middle = smooth[SIDE : 2 * SIDE, SIDE : 2 * SIDE]
    return np.asarray((middle - middle.mean()) / middle.std(), np.float32)


def _tile(factor: Texture) -> Texture:
    return np.clip(factor, 0.4, 1.25).astype(np.float32)[..., None]

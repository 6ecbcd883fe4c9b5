"""A catalogue of striped labels: a product is the angle and width of its stripes, in any colour.

A network that has learned nothing sorts the images by colour, which is no label.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.types import UInt8Array

ANGLES, WIDTHS = 10, (3.0, 5.0)
SIDE = 64


def stripes(angle: float, width: float, random: np.random.Generator) -> UInt8Array:
    """(64, 64, 3)"""
    y, x = np.mgrid[:SIDE, :SIDE]
    across = x * np.cos(angle) + y * np.sin(angle)
    share = 0.5 + 0.5 * np.sin(across * np.pi / width + random.uniform(0, 2 * np.pi))
    one, other = random.integers(0, 256, (2, 3))
    while np.abs(one - other).sum() < 200:
        one, other = random.integers(0, 256, (2, 3))
    return np.rint(share[..., None] * one + (1 - share[..., None]) * other).astype(np.uint8)


def write_stripes(folder: Path, views: int = 8, seed: int = 0) -> Path:
    """CATEGORY/PRODUCT/VIEW.png, 20 products."""
    random = np.random.default_rng(seed)
    for product in range(ANGLES * len(WIDTHS)):
        angle = (product % ANGLES) * np.pi / ANGLES
        for view in range(views):
            path = folder / "label" / f"p{product:02}" / f"{view}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = stripes(angle, WIDTHS[product // ANGLES], random)
            Image.fromarray(pixels).save(path)
    return folder

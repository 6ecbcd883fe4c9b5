"""Small images of packages drawn by the tests, and settings that describe them quickly."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.types import UInt8Array

# No segmentation, small cutouts, a short vector, no keypoints: about 2 ms an image.
QUICK = (
    "segment.name=whole",
    "embed.name=handcrafted",
    "cutout.name=whole",
    "cutout.size=32",
    "embed.side=32",
    "embed.cell=8",
    "keypoints.name=none",
)
QUICK_FLAGS = [part for setting in QUICK for part in ("--set", setting)]

CATEGORIES = ("bottle", "jar", "stick")


def package(category: str, product: int, view: int = 0) -> UInt8Array:
    """(128, 96, 3) RGB: a shape by category, a colour by product, a small shift by view."""
    random = np.random.default_rng([product, len(category)])
    colour = [int(value) for value in random.integers(20, 200, 3)]
    canvas = np.full((128, 96, 3), 250, np.uint8)
    x, y = 48 + 2 * view, 64 - view
    if category == "bottle":
        cv2.rectangle(canvas, (x - 20, y - 25), (x + 20, y + 50), colour, -1)
        cv2.rectangle(canvas, (x - 7, y - 50), (x + 7, y - 25), colour, -1)
    elif category == "jar":
        cv2.ellipse(canvas, (x, y), (36, 28), 0, 0, 360, colour, -1)
    else:
        cv2.rectangle(canvas, (x - 8, y - 50), (x + 8, y + 50), colour, -1)
    cv2.circle(canvas, (x, y + 10), 4 + product % 5, (255, 255, 255), -1)
    return canvas


def save(path: Path, pixels: UInt8Array) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def write_catalogue(
    folder: Path, products: int = 2, views: int = 2, categories: Iterable[str] = CATEGORIES
) -> list[Path]:
    """CATEGORY/PRODUCT/VIEW.png below the folder; returns the files in the order of their paths."""
    files = [
        save(folder / category / f"p{product}" / f"v{view}.png", package(category, product, view))
        for category in categories
        for product in range(products)
        for view in range(views)
    ]
    return sorted(files)

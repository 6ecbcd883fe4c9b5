"""Small data sets of images with masks: a bright box on a dark background, or the other way."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from offline.datasets import DatasetImage


def write_pair(
    folder: Path, name: str, *, size: tuple[int, int] = (40, 30), seed: int = 0
) -> DatasetImage:
    """images/NAME.jpg and masks/NAME.png, (width, height); the mask has grey edges."""
    random = np.random.default_rng(seed)
    width, height = size
    alpha = np.zeros((height, width), np.uint8)
    alpha[height // 4 : -height // 4, width // 3 : -width // 3] = 255
    alpha[height // 4] = alpha[height // 4] // 2
    background, product = random.integers(0, 256, (2, 3))
    pixels = np.where(alpha[..., None] > 0, product, background).astype(np.uint8)
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / "images" / f"{name}.jpg", quality=95)
    Image.fromarray(alpha).save(folder / "masks" / f"{name}.png")
    return DatasetImage(
        f"images/{name}.jpg",
        folder / "images" / f"{name}.jpg",
        mask=folder / "masks" / f"{name}.png",
    )


def write_pairs(folder: Path, count: int) -> list[DatasetImage]:
    return [write_pair(folder, f"{number:02d}", seed=number) for number in range(count)]

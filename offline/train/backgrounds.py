"""Backgrounds that trainers put behind products: files of a folder, drawn ones, random parts."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.types import UInt8Array
from offline.datasets.readers._files import files_below, is_image

LEAST_CUT = 0.6  # of either side


def background_files(folder: Path) -> list[Path]:
    """The images below a folder, sorted; ConfigError where there is none."""
    files = list(filter(is_image, files_below(folder)))
    if not files:
        raise ConfigError(
            f"{folder}: holds no images to serve as backgrounds.",
            remedy="Name a folder with photos of rooms, desks or shelves, or leave it out.",
        )
    return files


def drawn_background(side: int, random: np.random.Generator) -> UInt8Array:
    """A wall and a table of two colours with soft texture, (side, side, 3)."""
    rows = np.linspace(0.0, 1.0, side, dtype=np.float32)[:, None, None]
    wall, table = random.uniform(0.15, 1.0, (2, 3))
    edge = random.uniform(0.1, 0.7)
    background = wall + (table - wall) * (rows > edge) + rows * random.uniform(-0.2, 0.2)
    texture = random.normal(0.0, 1.0, (side, side)).astype(np.float32)
    blurred = cv2.GaussianBlur(texture, (0, 0), random.uniform(0.6, 12.0))
    strength = random.uniform(0.0, 0.12) / max(float(blurred.std()), 1e-6)
    background = np.broadcast_to(background, (side, side, 3)) + blurred[..., None] * strength
    return np.asarray(np.rint(np.clip(background, 0.0, 1.0) * 255.0), np.uint8)


def cut(pixels: UInt8Array, shape: tuple[int, int], random: np.random.Generator) -> UInt8Array:
    """A random part of an image, mirrored or not, at (H, W)."""
    rows, columns = part(pixels.shape[0], random), part(pixels.shape[1], random)
    step = -1 if random.random() < 0.5 else 1
    return resized_to(pixels[rows, columns][:, ::step], shape)


def part(length: int, random: np.random.Generator) -> slice:
    """A random part of a side, at least ``LEAST_CUT`` of it."""
    size = max(1, round(length * random.uniform(LEAST_CUT, 1.0)))
    start = int(random.integers(length - size + 1))
    return slice(start, start + size)


def resized_to(pixels: UInt8Array, shape: tuple[int, int]) -> UInt8Array:
    """At (H, W): areas averaged where it shrinks."""
    size = (shape[1], shape[0])
    way = cv2.INTER_AREA if pixels.shape[0] > shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), size, interpolation=way), np.uint8)

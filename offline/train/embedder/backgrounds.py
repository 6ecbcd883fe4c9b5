"""What is put behind the products: photos, or drawn tables and walls with other things on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from engine import images
from engine.errors import ConfigError, ImageError
from engine.types import UInt8Array
from offline.train.backgrounds import cut, drawn_background, resized_to

# Chosen, not measured. The fraction of drawn backgrounds that are a shelf or a table with other
# things on it, and how many; a photo of a package in use rarely shows it alone.
CLUTTERED = 0.4
THINGS = (1, 4)
FLAT = 0.15  # of the backgrounds without clutter: one colour throughout
SIZES = (0.3, 0.9)  # of the background's side


def drawn_backgrounds(
    count: int, side: int, rgba: UInt8Array, rows: Sequence[int], random: np.random.Generator
) -> UInt8Array:
    """(count, side, side, 3). Other things are products: cutouts ``rgba`` (M, S, S, 4) at
    ``rows``, pasted by their alpha. The others may be images that nothing is to be learned
    from."""
    backgrounds = np.empty((count, side, side, 3), np.uint8)
    for background in backgrounds:
        if random.random() < FLAT:
            background[...] = random.integers(0, 256, 3)
        else:
            background[...] = drawn_background(side, random)
        if random.random() < CLUTTERED:
            for _ in range(int(random.integers(*THINGS))):
                _paste(background, np.asarray(rgba[rows[int(random.integers(len(rows)))]]), random)
    return backgrounds


def photo_backgrounds(files: Sequence[Path], side: int) -> UInt8Array:
    """(N, side, side, 3), the middle of every photo; those that cannot be read are passed over.

    Raises ConfigError where none can be.
    """
    found = []
    for path in files:
        try:
            found.append(_middle(images.load(path).pixels, side))
        except ImageError:
            continue
    if not found:
        raise ConfigError(
            "--backgrounds: none of its images can be read.",
            remedy="Give a folder of photos, or a number of backgrounds to draw.",
        )
    return np.stack(found)


def draw(backgrounds: UInt8Array, side: int, random: np.random.Generator) -> UInt8Array:
    """(side, side, 3): a random part of one of them, perhaps mirrored."""
    return cut(backgrounds[int(random.integers(len(backgrounds)))], (side, side), random)


def _paste(background: UInt8Array, thing: UInt8Array, random: np.random.Generator) -> None:
    side = background.shape[0]
    size = max(2, round(side * random.uniform(*SIZES)))
    small = cv2.resize(thing, (size, size), interpolation=cv2.INTER_AREA)
    left, top = random.integers(-size // 3, side - size // 2, 2).tolist()
    y, x = max(0, top), max(0, left)
    part = small[y - top : side - top, x - left : side - left]
    opacity = part[..., 3:].astype(np.float32) / np.float32(255)
    place = background[y : y + part.shape[0], x : x + part.shape[1]]
    place[...] = np.rint(opacity * part[..., :3] + (1 - opacity) * place).astype(np.uint8)


def _middle(pixels: UInt8Array, side: int) -> UInt8Array:
    least = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - least) // 2, (pixels.shape[1] - least) // 2
    return resized_to(pixels[top : top + least, left : left + least], (side, side))

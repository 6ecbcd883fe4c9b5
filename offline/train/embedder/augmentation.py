"""Augmentation of a cutout: another cut, background and light, as another photo would have."""

from __future__ import annotations

import numpy as np

from engine.types import UInt8Array
from offline.train.embedder.backgrounds import draw
from offline.train.embedder.framing import reframed
from offline.train.embedder.lighting import photographed
from offline.train.embedder.recipe import Augmentation

WHITE = np.uint8(255)


def augmented(
    rgba: UInt8Array,
    side: int,
    augmentation: Augmentation,
    backgrounds: UInt8Array | None,
    random: np.random.Generator,
) -> UInt8Array:
    """A cutout (S, S, 4) to (side, side, 3). ``backgrounds`` (G, g, g, 3); None: its own."""
    framed, frame = reframed(rgba, side, augmentation.framing, random)
    pixels = np.ascontiguousarray(framed[..., :3])
    if backgrounds is not None and random.random() < augmentation.background:
        pixels = _before(pixels, framed[..., 3], draw(backgrounds, side, random))
    pixels = photographed(pixels, augmentation.lighting, random)
    pixels[~frame] = WHITE  # what cutters pad with, which no light has fallen on
    return pixels


def _before(pixels: UInt8Array, alpha: UInt8Array, background: UInt8Array) -> UInt8Array:
    opacity = alpha[..., None].astype(np.float32) * np.float32(1 / 255)
    mixed = background + opacity * (pixels.astype(np.float32) - background)
    return np.asarray(np.rint(mixed), np.uint8)

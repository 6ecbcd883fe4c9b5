"""Products of a catalogue before other backgrounds, so that matting does not learn the studio's.

An image over another even background is its own light + (1 - alpha + transmission) x background
(see docs/packbench.md; Zongker, Werner, Curless and Salesin, Environment Matting, SIGGRAPH 1999).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from engine.types import FloatArray, Progress, UInt8Array
from offline.datasets import DatasetImage
from offline.train.backgrounds import drawn_background
from offline.train.matting.pairs import Pair, load, read_grey, save_grey, save_image

SIDE = 256  # pixels of a composite, as Packbench's own images
# Of the product in the composite against the image it comes from: a phone holds it from nearer
# or further than the studio's camera.
SCALES = (0.5, 1.15)
TILT = 40.0  # degrees either way
OFF = 0.15  # of the side, from the middle
# How far gains of light and noise go; phones make these of dim rooms.
GAIN = 0.25
NOISE = 0.03


@dataclass(frozen=True, eq=False)
class Product:
    """An image taken apart: product light, what of the background shows, and the shadow on it."""

    light: FloatArray  # (H, W, 3), the product's own, in [0, 1]
    background: FloatArray  # (H, W, 3), how much of the background arrives at the camera
    shade: FloatArray  # (H, W, 3), 1 = no shadow
    alpha: FloatArray  # (H, W)


def make_composites(
    images: Sequence[DatasetImage],
    folder: Path,
    count: int,
    *,
    seed: int,
    backgrounds: Sequence[Path] = (),
    progress: Progress = lambda done, total: None,
) -> list[Pair]:
    """Write ``count`` composites with their mattes, or find those that are there already.

    Each depends on (seed, its number) and on the inputs only, so an interrupted preparation goes
    on where it stopped. Without backgrounds the backgrounds are drawn: gradients and blurred noise.
    """
    chosen = [image for image in images if image.mask is not None]
    pairs: list[Pair] = []
    for number in range(count):
        target = folder / f"{number:05d}.png"
        matte = folder / f"{number:05d}-matte.png"
        if not (target.is_file() and matte.is_file()):
            random = np.random.default_rng([seed, number])
            product = take_apart(chosen[int(random.integers(len(chosen)))])
            background = _background(backgrounds, random)
            pixels, alpha = composite(product, background, random)
            save_grey(matte, alpha)
            save_image(target, pixels)
        pairs.append((target, matte))
        progress(number + 1, count)
    return pairs


def take_apart(image: DatasetImage) -> Product:
    """A studio image with a matte into its parts; the background is taken to be even."""
    if image.mask is None:
        raise ValueError(f"{image.id}: has no matte")
    pixels = load(image.path).pixels.astype(np.float32) / np.float32(255.0)
    alpha = read_grey(image.mask)
    through = _colours(image.transmission) if image.transmission else 0.0
    shown = np.clip(1.0 - alpha[..., None] + through, 0.0, 1.0).astype(np.float32)
    shown = np.broadcast_to(shown, pixels.shape)
    bare = alpha == 0.0
    old = np.median(pixels[bare], axis=0) if bare.any() else np.ones(3)
    old = np.maximum(old, 1 / 255).astype(np.float32)
    light = np.where(bare[..., None], 0.0, np.clip(pixels - shown * old, 0.0, 1.0))
    shade = np.where(bare[..., None], np.clip(pixels / old, 0.0, 1.0), 1.0)
    return Product(light.astype(np.float32), shown, shade.astype(np.float32), alpha)


def composite(
    product: Product, background: UInt8Array, random: np.random.Generator
) -> tuple[UInt8Array, FloatArray]:
    """Pixels and alpha of the product turned, scaled, lit and placed before (S, S, 3)."""
    side = background.shape[0]
    matrix = _placement(product.alpha.shape, side, random)
    light = _warped(product.light, matrix, side, 0.0)
    shown = _warped(product.background, matrix, side, 1.0)
    shade = _warped(product.shade, matrix, side, 1.0)
    alpha = np.clip(_warped(product.alpha, matrix, side, 0.0), 0.0, 1.0)
    gain = random.uniform(1 - GAIN, 1 + GAIN) * random.uniform(1 - GAIN / 3, 1 + GAIN / 3, 3)
    image = light * gain + shown * shade * (background.astype(np.float32) / 255.0)
    image += random.normal(0.0, random.uniform(0.0, NOISE), image.shape)
    pixels = np.rint(np.clip(image, 0.0, 1.0) * 255.0).astype(np.uint8)
    return pixels, np.asarray(alpha, np.float32)


def _placement(shape: tuple[int, ...], side: int, random: np.random.Generator) -> FloatArray:
    """(2, 3): turned and scaled about its middle, mirrored or not, to near the new middle."""
    height, width = shape[:2]
    scale = random.uniform(*SCALES) * side / max(height, width)
    tilt = random.uniform(-TILT, TILT)
    turned = cv2.getRotationMatrix2D((width / 2, height / 2), tilt, scale)
    matrix = np.asarray(turned, np.float64)
    matrix[:, 2] += side * (0.5 + random.uniform(-OFF, OFF, 2)) - (width / 2, height / 2)
    if random.random() < 0.5:  # mirrored: x becomes width - x before all else
        matrix[:, 2] += matrix[:, 0] * width
        matrix[:, 0] *= -1
    return np.asarray(matrix, np.float32)


def _warped(values: FloatArray, matrix: FloatArray, side: int, beyond: float) -> FloatArray:
    warped = cv2.warpAffine(
        np.ascontiguousarray(values),
        matrix,
        (side, side),
        flags=cv2.INTER_AREA,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(beyond,) * 3,
    )
    return np.asarray(warped, np.float32)


def _background(backgrounds: Sequence[Path], random: np.random.Generator) -> UInt8Array:
    if not backgrounds or random.random() < 0.2:
        return drawn_background(SIDE, random)
    pixels = load(backgrounds[int(random.integers(len(backgrounds)))]).pixels
    side = max(1, int(min(pixels.shape[:2]) * random.uniform(0.4, 1.0)))
    top = int(random.integers(pixels.shape[0] - side + 1))
    left = int(random.integers(pixels.shape[1] - side + 1))
    crop = pixels[top : top + side, left : left + side]
    resized = cv2.resize(crop, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    blur = random.uniform(0.0, 3.0)  # what lies behind a product is seldom in focus
    if blur > 0.5:
        resized = cv2.GaussianBlur(resized, (0, 0), blur)
    return np.asarray(resized, np.uint8)


def _colours(path: Path) -> FloatArray:
    with Image.open(path) as file:
        return np.asarray(file.convert("RGB"), np.float32) / np.float32(255.0)

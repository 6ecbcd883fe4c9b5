"""Augmentation of a segmenter's training images: another background, cut and light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import ImageError
from engine.types import FloatArray, UInt8Array
from offline.datasets import DatasetImage
from offline.train.backgrounds import cut, drawn_background, part, resized_to
from offline.train.segmenter.compositing import bare_strip, emptied, recomposed
from offline.train.segmenter.samples import MaskSample, SampleStore
from offline.train.segmenter.scenes import composed

# Chosen, not measured. A third of the images keep their own background, so that the catalogue's
# studio, which serving sees, is not forgotten; half of the others take a background file, if any.
OWN_FRACTION = 1 / 3
FILE_FRACTION = 1 / 2
# Of those that take no file: a strip of another image, one flat colour; else a drawn background.
STRIP_FRACTION = 1 / 3
FLAT_FRACTION = 1 / 6
# Behind composed scenes instead: a photo less its product. Photos are composed half as often as
# studio images: their own scenes are what is to be learned.
EMPTIED_FRACTION = 2 / 3
PHOTO_SCENES = 1 / 2
STUDIO = "studio"
LEAST_KEPT = 0.7  # of the product: what is cut off more is not what a photo shows
CUT_TRIES = 4
LEAST_CENTRED = 0.55  # of a side, where the product stays near the middle
JITTER = 0.25  # of brightness, contrast and saturation; a third of it for each colour


@dataclass(frozen=True)
class Backgrounds:
    """Where the new backgrounds come from: files of backgrounds, and the images themselves, which
    are neighbours in composed ``scenes``, too (the fraction of images that are such scenes)."""

    files: Sequence[Path]
    images: Sequence[DatasetImage]
    store: SampleStore
    scenes: float = 0.0

    def draw(self, shape: tuple[int, int], random: np.random.Generator) -> UInt8Array:
        """(H, W, 3). A background file that cannot be read gives way to a drawn background."""
        if self.files and random.random() < FILE_FRACTION:
            return self._of_file(shape, random)
        kind = random.random()
        if self.scenes and self.photos and kind < EMPTIED_FRACTION:
            photo = self.store.read(self.photos[int(random.integers(len(self.photos)))])
            return cut(emptied(photo.pixels, photo.alpha), shape, random)
        if kind < STRIP_FRACTION:
            sample = self.another(random)
            strip = bare_strip(sample.pixels, sample.alpha)
            if strip is not None:
                return cut(strip, shape, random)
        elif kind < STRIP_FRACTION + FLAT_FRACTION:
            return np.full((*shape, 3), random.integers(0, 256, 3), np.uint8)
        return resized_to(drawn_background(max(shape), random), shape)

    @cached_property
    def photos(self) -> list[DatasetImage]:
        return [image for image in self.images if image.look != STUDIO]

    def another(self, random: np.random.Generator) -> MaskSample:
        return self.store.read(self.images[int(random.integers(len(self.images)))])

    def _of_file(self, shape: tuple[int, int], random: np.random.Generator) -> UInt8Array:
        path = self.files[int(random.integers(len(self.files)))]
        try:
            return cut(self.store.pixels(path), shape, random)
        except ImageError:
            return resized_to(drawn_background(max(shape), random), shape)


def augmented(
    sample: MaskSample,
    side: int,
    backgrounds: Backgrounds,
    random: np.random.Generator,
    look: str | None = STUDIO,
) -> MaskSample:
    """The sample at (side, side): in a composed scene; or before another background or its own,
    which it keeps where there are scenes, cut, mirrored, relit."""
    pixels, alpha = sample.pixels, sample.alpha
    if random.random() < backgrounds.scenes * (1 if look == STUDIO else PHOTO_SCENES):
        behind = backgrounds.draw((side, side), random)
        return composed(sample, behind, backgrounds.another, random)
    if not backgrounds.scenes and random.random() >= OWN_FRACTION:
        pixels = recomposed(pixels, alpha, backgrounds.draw((len(alpha), len(alpha[0])), random))
    window = (centred_window if backgrounds.scenes else cut_window)(alpha, random)
    step = -1 if random.random() < 0.5 else 1
    squeezed = squeeze(MaskSample(pixels[window][:, ::step], alpha[window][:, ::step]), side)
    return MaskSample(relit(squeezed.pixels, random), squeezed.alpha)


def squeeze(sample: MaskSample, side: int) -> MaskSample:
    """At (side, side), the image filtered as serving filters it."""
    image = Image.fromarray(np.ascontiguousarray(sample.pixels))
    small = image.resize((side, side), Image.Resampling.LANCZOS)
    alpha = Image.fromarray(np.ascontiguousarray(sample.alpha))
    opacities = np.asarray(alpha.resize((side, side), Image.Resampling.BILINEAR), np.float32)
    return MaskSample(np.asarray(small), np.clip(opacities, 0.0, 1.0))


def cut_window(alpha: FloatArray, random: np.random.Generator) -> tuple[slice, slice]:
    """A random part of the image that keeps most of the product; the whole, if none was found."""
    height, width = alpha.shape
    whole = float(alpha.sum())
    for _ in range(CUT_TRIES):
        rows, columns = part(height, random), part(width, random)
        if float(alpha[rows, columns].sum()) >= LEAST_KEPT * whole:
            return rows, columns
    return slice(0, height), slice(0, width)


def centred_window(alpha: FloatArray, random: np.random.Generator) -> tuple[slice, slice]:
    """A random part of the image whose middle is near the product's, as far as the image reaches:
    what is in the middle is what a photo shows."""
    window = []
    for axis, length in enumerate(alpha.shape):
        profile = alpha.sum(axis=1 - axis)
        middle = float(profile @ np.arange(length)) / max(float(profile.sum()), 1e-6)
        size = max(1, round(length * random.uniform(LEAST_CENTRED, 1.0)))
        start = middle - size * float(np.clip(random.normal(0.5, 0.1), 0.3, 0.7))
        start = int(np.clip(round(start), 0, length - size))
        window.append(slice(start, start + size))
    return window[0], window[1]


def relit(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Another brightness, contrast, saturation and colour of the light."""
    image: FloatArray = pixels.astype(np.float32)
    grey = image.mean(axis=2, keepdims=True)
    image = grey + (image - grey) * _around_one(random)
    mean = float(grey.mean())
    image = mean + (image - mean) * _around_one(random)
    gains = _around_one(random) * random.uniform(1 - JITTER / 3, 1 + JITTER / 3, 3)
    return np.asarray(np.rint(np.clip(image * gains, 0.0, 255.0)), np.uint8)


def _around_one(random: np.random.Generator) -> float:
    return float(random.uniform(1 - JITTER, 1 + JITTER))

"""Images with their masks: which of a data set can be learned from, and how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from engine import images
from engine.errors import ConfigError, ImageError
from engine.types import FloatArray, Progress, UInt8Array
from offline.datasets import Dataset, DatasetImage
from offline.datasets.hold_out import HoldOut, divided_splits
from offline.metrics.masks import CUT

TRAIN, VALIDATION = "train", "validation"
HELD_OUT = 10  # one image in so many is for validation, where the data set has no such split
SHOWN = 3  # left-out images in an error


@dataclass(frozen=True, eq=False)
class MaskSample:
    """One image and how much of every pixel is product."""

    pixels: UInt8Array  # (H, W, 3) RGB
    alpha: FloatArray  # (H, W) in [0, 1]


@dataclass(frozen=True)
class Usable:
    """The images that can be read with their masks, and why others cannot."""

    images: tuple[DatasetImage, ...]
    left_out: tuple[str, ...]


@dataclass
class SampleStore:
    """Samples and backgrounds, decoded once and kept in memory as far as ``room`` bytes reach;
    others are decoded each time."""

    longest: int  # pixels of the longer side, at most
    room: int = 3 << 29
    _kept: dict[tuple[str, str], tuple[UInt8Array, ...]] = field(default_factory=dict)

    def read(self, entry: DatasetImage) -> MaskSample:
        """Raises ImageError as ``read_sample``."""
        place = (str(entry.path), str(entry.mask))
        kept = self._kept.get(place)
        if kept is None:
            sample = read_sample(entry, self.longest)
            opacities = np.rint(sample.alpha * np.float32(255)).astype(np.uint8)
            kept = self._keep(place, sample.pixels, opacities)
        return MaskSample(kept[0], kept[1].astype(np.float32) / np.float32(255))

    def pixels(self, path: Path) -> UInt8Array:
        """(H, W, 3) of an image without a mask. Raises ImageError where it cannot be read."""
        place = (str(path), "")
        if place not in self._kept:
            limits = images.ImageLimits(max_side=self.longest)
            return self._keep(place, images.load(path, limits=limits).pixels)[0]
        return self._kept[place][0]

    def _keep(self, place: tuple[str, str], *parts: UInt8Array) -> tuple[UInt8Array, ...]:
        size = sum(part.nbytes for part in parts)
        if size <= self.room:
            self._kept[place] = parts
            self.room -= size
        return parts


def read_sample(entry: DatasetImage, longest: int) -> MaskSample:
    """Decode an image and its mask, the longer side no longer than ``longest``.

    Raises ImageError where one of the two cannot be read, their sizes differ, or the mask shows
    no product.
    """
    if entry.mask is None:
        raise ImageError(str(entry.path), "has no mask.")
    limits = images.ImageLimits(max_side=longest)
    image = images.load(entry.path, limits=limits)
    mask = images.load(entry.mask, limits=limits)
    if image.original_size != mask.original_size:
        raise ImageError(
            image.uri,
            f"is {image.original_size[0]} x {image.original_size[1]}, its mask {entry.mask} "
            f"{mask.original_size[0]} x {mask.original_size[1]} pixels.",
            remedy="Give it the mask of this very image.",
        )
    alpha = mask.pixels.mean(axis=2, dtype=np.float32) / np.float32(255.0)
    if float(alpha.max()) < CUT:
        raise ImageError(
            image.uri,
            f"its mask {entry.mask} shows no product: its brightest value is "
            f"{round(255 * float(alpha.max()))} of 255.",
        )
    if alpha.shape != image.pixels.shape[:2]:  # a JPEG may be decoded a pixel off at half size
        size = (image.width, image.height)
        alpha = np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32)
    return MaskSample(image.pixels, alpha)


def chosen_splits(
    dataset: Dataset, split: str | None, validation: str | None
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    """The images with masks of the training and the validation split.

    None: ``train`` (else the only split there is), and ``validation`` (else one image in ten is
    held out). Raises ConfigError for unknown splits, for two that are one, and where one of them
    has no masks.
    """
    learned_name = split or (dataset.splits[0] if len(dataset.splits) == 1 else TRAIN)
    if validation is None and VALIDATION in dataset.splits and learned_name != VALIDATION:
        validation = VALIDATION
    if learned_name == validation:
        raise ConfigError(
            f"The split {validation!r} cannot be both the training and the validation split.",
            remedy="Give another --validation, or leave it out to hold out one image in ten.",
        )
    train = _masked(dataset, learned_name)
    if validation is not None:
        return train, _masked(dataset, validation)
    held = train[HELD_OUT - 1 :: HELD_OUT] or train[-1:]
    return [image for image in train if image not in held] or held, held


def held_out(
    datasets: Sequence[Dataset], kind: HoldOut, seed: int
) -> tuple[list[DatasetImage], list[DatasetImage]]:
    """Of all splits of every data set the images with masks: to learn from, and a fifth of the
    groups of ``kind`` for validation."""
    train: list[DatasetImage] = []
    held: list[DatasetImage] = []
    for dataset in datasets:
        learned, out, _ = divided_splits(dataset, ",".join(dataset.splits), None, kind, seed)
        train += (image for image in learned if image.mask)
        held += (image for image in out if image.mask)
    return train, held


def spread(entries: Sequence[DatasetImage], limit: int | None) -> list[DatasetImage]:
    """``limit`` of the images, evenly spread: they stand in the order of their categories."""
    if limit is None or limit >= len(entries):
        return list(entries)
    return [entries[at] for at in np.linspace(0, len(entries) - 1, limit).astype(int)]


def usable(entries: Sequence[DatasetImage], store: SampleStore, progress: Progress) -> Usable:
    """Read every image once, before hours are spent on those that can be read.

    Raises ConfigError where none is left.
    """
    kept: list[DatasetImage] = []
    left_out: list[str] = []
    for number, image in enumerate(entries, 1):
        try:
            store.read(image)
            kept.append(image)
        except ImageError as error:
            left_out.append(str(error))
        progress(number, len(entries))
    if not kept:
        raise ConfigError(
            f"None of {len(entries)} images can be learned from: {' '.join(left_out[:SHOWN])}",
            remedy="Check the folder given to --data.",
        )
    return Usable(tuple(kept), tuple(left_out))


def _masked(dataset: Dataset, split: str) -> list[DatasetImage]:
    masked = [image for image in dataset.images(split) if image.mask is not None]
    if not masked:
        raise ConfigError(
            f"{dataset.root}: no image of the split {split!r} has a mask.",
            remedy="Put masks beside the images (images/ and masks/, names alike), or render "
            "some with: packsight data packbench --out DIR",
        )
    return masked

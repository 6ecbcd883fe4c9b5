"""Images with their exact mattes and a segmenter's saliency: what matting learns from."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine import images
from engine.errors import ConfigError, ImageError
from engine.files import file_sha256, replacing
from engine.protocols import Segmenter
from engine.types import FloatArray, Progress, RGBImage, UInt8Array
from offline.datasets import DatasetImage

Pair = tuple[Path, Path]  # an image's file and its matte's

_log = logging.getLogger(__name__)

_CHUNK = 8  # images segmented together, between two signs of progress
_LIMITS = images.ImageLimits()


@dataclass(frozen=True, eq=False)
class MattingSample:
    """One image with its true matte and a segmenter's matte."""

    pixels: UInt8Array  # (H, W, 3) RGB
    alpha: FloatArray  # (H, W) in [0, 1], exact
    saliency: FloatArray  # (H, W) in [0, 1]


@dataclass(frozen=True)
class SaliencyStore:
    """A segmenter's mattes as 8-bit PNGs, named by the sha256 of the image's file."""

    folder: Path

    def path(self, image: Path) -> Path:
        name = file_sha256(image)
        return self.folder / name[:2] / f"{name}.png"

    def complete(
        self, pairs: Sequence[Pair], segmenter: Callable[[], Segmenter], progress: Progress
    ) -> list[Pair]:
        """Segment what is not in the store yet; returns the pairs that can be read.

        ``segmenter`` runs only where something is missing. Images and mattes that cannot be
        read are logged and left out; ConfigError when none is left.
        """
        readable = [pair for pair in pairs if _is_readable(pair)]
        if not readable:
            raise ConfigError(
                "No image with a matte could be read.",
                remedy="See the warnings above, and check --data.",
            )
        missing = [image for image, _ in readable if not self.path(image).is_file()]
        for start in range(0, len(missing), _CHUNK):
            chunk = missing[start : start + _CHUNK]
            mattes = segmenter().segment([load(path) for path in chunk])
            for path, matte in zip(chunk, mattes, strict=True):
                save_grey(self.path(path), matte.alpha)
            progress(min(start + _CHUNK, len(missing)), len(missing))
        return readable

    def sample(self, pair: Pair) -> MattingSample:
        """A pair of ``complete`` with its saliency, all at the image's decoded size."""
        image, matte = pair
        pixels = load(image).pixels
        height, width = pixels.shape[:2]
        alpha, saliency = (read_grey(path, (width, height)) for path in (matte, self.path(image)))
        return MattingSample(pixels, alpha, saliency)


def pairs_of(entries: Sequence[DatasetImage], split: str, limit: int | None = None) -> list[Pair]:
    """The images that have a matte, spread evenly down to ``limit``; ConfigError for none."""
    pairs = [(image.path, image.mask) for image in entries if image.mask is not None]
    if not pairs:
        raise ConfigError(
            f"No image of the split {split!r} has a matte.",
            remedy="Matting learns from exact mattes, such as those of: packsight data packbench",
        )
    if limit is None or limit >= len(pairs):
        return pairs
    return [pairs[index] for index in np.linspace(0, len(pairs) - 1, limit).astype(int)]


def load(path: Path) -> RGBImage:
    return images.load(path, limits=_LIMITS)


def save_grey(path: Path, alpha: FloatArray) -> None:
    """Write (H, W) in [0, 1] as an 8-bit image file."""
    save_image(path, np.rint(alpha * 255.0).astype(np.uint8))


def save_image(path: Path, pixels: UInt8Array) -> None:
    """Write (H, W) or (H, W, 3), whole or not at all; ConfigError where that fails."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as part:
            Image.fromarray(pixels).save(part)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written ({error.strerror or error}).",
            remedy="Free some room there; the same command then goes on.",
        ) from error


def read_grey(path: Path, size: tuple[int, int] | None = None) -> FloatArray:
    """(H, W) in [0, 1]; brought to ``size`` = (width, height) where the image was decoded
    smaller than it is stored."""
    with Image.open(path) as image:
        grey = image.convert("L")
        if size is not None and grey.size != size:
            grey = grey.resize(size, Image.Resampling.BOX)
        return np.asarray(grey, np.float32) / np.float32(255.0)


def _is_readable(pair: Pair) -> bool:
    image, matte = pair
    try:
        decoded = load(image)
        with Image.open(matte) as grey:
            same_shape = grey.size == decoded.original_size
            grey.load()
    except (ImageError, OSError, ValueError) as error:
        _log.warning("left out: %s", error)
        return False
    if not same_shape:
        _log.warning("left out: %s: its matte %s has another size", image, matte)
    return same_shape

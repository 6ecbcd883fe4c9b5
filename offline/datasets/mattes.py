"""The true mattes of a data set, read from their files with the images that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.types import Matte, RGBImage
from offline.datasets.types import DatasetImage


@dataclass(frozen=True, eq=False)
class Masked:
    """``truth`` has the image's size: a larger mask was averaged down to it."""

    source: DatasetImage
    image: RGBImage
    truth: Matte


def read_masked(source: DatasetImage, limits: ImageLimits | None = None) -> Masked:
    """An image with its true matte, both whole: a query's ``crop`` does not count.

    Raises ImageError where one of the two files cannot be read or there is no mask.
    """
    if source.mask is None:
        raise ImageError(str(source.path), "has no mask")
    image = load(source.path, limits=limits or ImageLimits())
    return Masked(source, image, read_matte(source.mask, (image.width, image.height)))


def read_matte(path: Path, size: tuple[int, int]) -> Matte:
    """A mask file at size = (width, height); raises ImageError where it cannot be read."""
    try:
        with Image.open(path) as file:
            grey = file.convert("L")
            grey = grey if grey.size == size else grey.resize(size, Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"not a mask ({error})") from error
    return Matte(np.asarray(grey, np.float32) / np.float32(255))

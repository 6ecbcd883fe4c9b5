"""Which images of a data set are looked at, and their true mattes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from engine.errors import ConfigError
from engine.types import FloatArray
from offline.datasets import Dataset, DatasetImage

# Pump spouts, dropper pipettes and spatulas: what a few pixels of error cut off.
THIN = ("cap-pump", "cap-dropper", "spatula")


def sample(dataset: Dataset, split: str, each: int | None) -> list[DatasetImage]:
    """Up to ``each`` images with a mask from every category, at even distances in its list.

    Neighbours in a list are mostly views of one product. Raises ConfigError where the split has
    no masks.
    """
    known = [image for image in dataset.images(split) if image.mask is not None]
    if not known:
        raise ConfigError(f"{dataset.name}: no image of split {split!r} has a mask.")
    categories = dict.fromkeys(image.category for image in known)
    groups = [[one for one in known if one.category == name] for name in categories]
    return [image for group in groups for image in spread(group, each)]


def spread(images: Sequence[DatasetImage], count: int | None) -> list[DatasetImage]:
    """``count`` of them at even distances, the first and the last among them; None: all."""
    if count is None or count >= len(images):
        return list(images)
    return [images[round(place)] for place in np.linspace(0, len(images) - 1, count)]


def true_alpha(image: DatasetImage) -> FloatArray:
    """(H, W) float32 in [0, 1]."""
    if image.mask is None:
        raise ConfigError(f"{image.id}: has no mask.")
    try:
        with Image.open(image.mask) as mask:
            return np.asarray(mask.convert("L"), np.float32) / np.float32(255)
    except OSError as error:
        raise ConfigError(f"{image.mask}: the mask cannot be read ({error}).") from error

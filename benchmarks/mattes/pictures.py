"""Which images of a data set are looked at, and their true mattes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from engine.errors import ConfigError
from engine.types import FloatArray
from offline.datasets import Dataset, Picture

# Pump spouts, dropper pipettes and spatulas: what a few pixels of error cut off.
THIN = ("cap-pump", "cap-dropper", "spatula")


def sample(dataset: Dataset, split: str, each: int | None) -> list[Picture]:
    """Up to ``each`` images with a mask from every category, at even distances in its list.

    Neighbours in a list are mostly views of one product. Raises ConfigError where the split has
    no masks.
    """
    known = [picture for picture in dataset.pictures(split) if picture.mask is not None]
    if not known:
        raise ConfigError(f"{dataset.name}: no image of split {split!r} has a mask.")
    categories = dict.fromkeys(picture.category for picture in known)
    groups = [[one for one in known if one.category == name] for name in categories]
    return [picture for group in groups for picture in spread(group, each)]


def spread(pictures: Sequence[Picture], count: int | None) -> list[Picture]:
    """``count`` of them at even distances, the first and the last among them; None: all."""
    if count is None or count >= len(pictures):
        return list(pictures)
    return [pictures[round(place)] for place in np.linspace(0, len(pictures) - 1, count)]


def true_alpha(picture: Picture) -> FloatArray:
    """(H, W) float32 in [0, 1]."""
    if picture.mask is None:
        raise ConfigError(f"{picture.id}: has no mask.")
    try:
        with Image.open(picture.mask) as mask:
            return np.asarray(mask.convert("L"), np.float32) / np.float32(255)
    except OSError as error:
        raise ConfigError(f"{picture.mask}: the mask cannot be read ({error}).") from error

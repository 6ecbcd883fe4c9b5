"""Silhouettes as the stages see a mask: in the picture's frame, and aligned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.contours import aligned_contour, frame_contour
from engine.errors import ConfigError
from engine.images import load
from engine.types import Contour, Matte, Progress
from offline.datasets import Picture

_WHITE = 128  # from this grey on a pixel is shape


@dataclass(frozen=True)
class Silhouettes:
    """Contours aligned with the pictures they are of."""

    framed: list[Contour]
    aligned: list[Contour]


def read_silhouettes(
    pictures: Sequence[Picture], progress: Progress = lambda done, total: None
) -> Silhouettes:
    """Of the pictures' true masks: white is product.

    Raises ConfigError for a picture that has none and ImageError for one that cannot be read:
    without it the depth of the bullseye score would not be its class's.
    """
    read = Silhouettes([], [])
    for done, picture in enumerate(pictures, start=1):
        pixels = load(_mask_of(picture)).pixels
        matte = Matte((pixels[:, :, 1] >= _WHITE).astype(np.float32))
        read.framed.append(frame_contour(matte))
        read.aligned.append(aligned_contour(matte))
        progress(done, len(pictures))
    return read


def _mask_of(picture: Picture) -> Path:
    if picture.mask is None:
        raise ConfigError(
            f"{picture.id}: has no true mask, so that its shape is not known.",
            remedy="Choose a data set or a protocol whose pictures have masks.",
        )
    return picture.mask

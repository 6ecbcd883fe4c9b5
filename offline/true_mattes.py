"""The true mattes of a data set, read from their files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.errors import ImageError
from engine.types import Matte


def read_matte(path: Path, size: tuple[int, int]) -> Matte:
    """A mask file at size = (width, height); raises ImageError where it cannot be read."""
    try:
        with Image.open(path) as file:
            grey = file.convert("L")
            grey = grey if grey.size == size else grey.resize(size, Image.Resampling.BOX)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ImageError(str(path), f"not a mask ({error})") from error
    return Matte(np.asarray(grey, np.float32) / np.float32(255))

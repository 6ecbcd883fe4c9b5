"""Networks that halve their input several times want sides that can be halved."""

from __future__ import annotations

import numpy as np

from engine.types import FloatArray


def padded(channels: FloatArray, multiple: int) -> FloatArray:
    """(C, H, W) with its last row and column repeated up to multiples of ``multiple``."""
    _, height, width = channels.shape
    return np.pad(channels, ((0, 0), (0, -height % multiple), (0, -width % multiple)), mode="edge")

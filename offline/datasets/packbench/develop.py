"""From linear light to the picture that a catalogue or a phone would keep."""

from __future__ import annotations

from typing import cast

import numpy as np
from numpy.typing import NDArray


def encode(radiance: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB (IEC 61966-2-1)."""
    x = np.clip(radiance, 0, 1)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return cast("NDArray[np.uint8]", np.round(curve * 255).astype(np.uint8))

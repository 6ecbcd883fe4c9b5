"""PNG with one transparent colour (tRNS), compared at the depth of the file.

Pillow compares the value with its 8-bit pixels, so that of 16-bit colour other pixels, and of grey
of 2 and 4 bits none, become transparent.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from engine._metadata import bare_png

_GREY_STEPS = {"L;2": 85, "L;4": 17}  # from one value to the next in 8 bits
_DEEP = "RGB;16B"
_LOW_BYTES = "RGB;16L"  # of big-endian samples


def open_png(data: bytes) -> PngImagePlugin.PngImageFile:
    bare = bare_png(data)
    image = PngImagePlugin.PngImageFile(io.BytesIO(bare))
    key = image.info.get("transparency")
    layout = image.tile[0].args if image.tile else None
    if isinstance(key, int) and layout in _GREY_STEPS:
        image.info["transparency"] = key * _GREY_STEPS[layout]
    if isinstance(key, tuple) and layout == _DEEP:
        return _DeepKeyedPng(bare)
    return image


class _DeepKeyedPng(PngImagePlugin.PngImageFile):
    """16-bit RGB with a transparent colour: RGBA once it is loaded."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        super().__init__(io.BytesIO(data))

    def load(self) -> Any:
        if self.tile:
            key = self.info.pop("transparency")
            with PngImagePlugin.PngImageFile(io.BytesIO(self._data)) as low:
                low.tile = [low.tile[0]._replace(args=_LOW_BYTES)]
                low_bytes = np.asarray(low)
            super().load()
            high_bytes = np.asarray(self)
            is_key = np.ones(high_bytes.shape[:2], bool)
            for channel, value in enumerate(key):
                is_key &= high_bytes[:, :, channel] == value >> 8
                is_key &= low_bytes[:, :, channel] == value & 255
            alpha = Image.fromarray(np.where(is_key, 0, 255).astype(np.uint8))
            keyed = Image.fromarray(high_bytes).convert("RGBA")
            keyed.putalpha(alpha)
            self._mode, self.im = "RGBA", keyed.im
        return super().load()

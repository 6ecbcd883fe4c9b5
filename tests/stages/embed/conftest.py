"""Cutouts to embed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from engine.types import Cutout, FloatArray, UInt8Array

MakeCutout = Callable[..., Cutout]


@pytest.fixture
def cutout() -> MakeCutout:
    def make(pixels: UInt8Array, alpha: FloatArray | None = None) -> Cutout:
        side = pixels.shape[0]
        matte = np.ones((side, side), np.float32) if alpha is None else alpha
        return Cutout(pixels.copy(), matte.copy(), (0, 0, side, side))

    return make

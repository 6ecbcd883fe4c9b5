"""Every mask is trusted, as in the paper."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.protocols import Segmenter
from engine.types import FloatArray, Matte, RGBImage
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


class FullTrust:
    threshold = 0.0

    def trust(
        self, images: Sequence[RGBImage], mattes: Sequence[Matte], segmenter: Segmenter
    ) -> FloatArray:
        return np.ones(len(mattes), np.float32)

    def instead(self, image: RGBImage, matte: Matte) -> Matte:
        return matte


def build(options: Options, context: BuildContext) -> FullTrust:
    return FullTrust()

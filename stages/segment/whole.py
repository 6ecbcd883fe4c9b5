"""No segmentation: every pixel belongs to the product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import Matte, RGBImage
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


class Whole:
    """A matte of ones. The quality flags then keep its contour out of the reranking."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [Matte(np.ones(image.pixels.shape[:2], np.float32)) for image in images]


def build(options: Options, context: BuildContext) -> Whole:
    return Whole()

"""The product in grey on white, the input of the networks of Waqas et al. (CMC 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np
from pydantic import Field

from engine.types import Cutout, Matte, RGBImage, UInt8Array
from stages.context import BuildContext
from stages.cutout.colour_on_white import ColourOnWhite
from stages.cutout.colour_on_white import Options as ColourOptions
from stages.options import StageOptions


class Options(StageOptions):
    size: int = Field(224, ge=1)  # pixels a side
    margin: float = Field(0.05, ge=0.0, le=1.0)  # fraction of the box's longer side
    frame: Literal["image", "box"] = "image"  # the paper keeps the image's own frame

    @property
    def uses_colour(self) -> bool:
        return False


class GreyOnWhite:
    """Luma (ITU-R BT.601) of the colour cutout, repeated in three channels."""

    def __init__(self, options: Options, threads: int) -> None:
        self._colour = ColourOnWhite(ColourOptions(**options.model_dump()), threads)

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        return [
            Cutout(_grey(cutout.pixels), cutout.alpha, cutout.box)
            for cutout in self._colour.cut(images, mattes)
        ]


def build(options: Options, context: BuildContext) -> GreyOnWhite:
    return GreyOnWhite(options, context.threads)


def _grey(pixels: UInt8Array) -> UInt8Array:
    luma = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)
    return np.repeat(luma[:, :, None], 3, axis=2).astype(np.uint8)

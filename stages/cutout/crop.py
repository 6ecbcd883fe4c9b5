"""The mask's box with a margin, in colour, the background kept."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from engine.parallel import each
from engine.types import Cutout, Matte, RGBImage
from stages.context import BuildContext
from stages.cutout._square import box_around, check_pair, cut_part, square
from stages.options import StageOptions


class Options(StageOptions):
    size: int = Field(224, ge=1)  # pixels a side
    margin: float = Field(0.05, ge=0.0, le=1.0)  # fraction of the box's longer side


class Crop:
    """Uses the mask's box alone: parts of the product that the mask misses stay visible in it."""

    def __init__(self, options: Options, threads: int) -> None:
        self._options = options
        self._threads = threads

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        pairs = list(zip(images, mattes, strict=True))
        return each(self._cut, pairs, threads=self._threads)

    def _cut(self, pair: tuple[RGBImage, Matte]) -> Cutout:
        image, matte = pair
        check_pair(image, matte)
        box = box_around(image, matte, self._options.margin)
        return square(*cut_part(image, matte, box), box, self._options.size)


def build(options: Options, context: BuildContext) -> Crop:
    return Crop(options, context.threads)

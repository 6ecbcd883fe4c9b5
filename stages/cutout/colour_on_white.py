"""The product in colour on white."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field

from engine.parallel import each
from engine.quality import assess
from engine.types import Cutout, Matte, RGBImage
from stages.context import BuildContext
from stages.cutout._square import box_around, check_pair, cut_part, on_white, square, whole_box
from stages.options import StageOptions


class Options(StageOptions):
    size: int = Field(224, ge=1)  # pixels a side
    margin: float = Field(0.05, ge=0.0, le=1.0)  # fraction of the box's longer side
    frame: Literal["image", "box"] = "box"


class ColourOnWhite:
    """Background painted white; an empty matte leaves the image as it is."""

    def __init__(self, options: Options, threads: int) -> None:
        self._options = options
        self._threads = threads

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        pairs = list(zip(images, mattes, strict=True))
        return each(self._cut, pairs, threads=self._threads)

    def _cut(self, pair: tuple[RGBImage, Matte]) -> Cutout:
        image, matte = pair
        check_pair(image, matte)
        options = self._options
        framed = options.frame == "box"
        box = box_around(image, matte, options.margin) if framed else whole_box(image)
        pixels, alpha = cut_part(image, matte, box)
        if not assess(matte).empty:
            pixels = on_white(pixels, alpha)
        return square(pixels, alpha, box, options.size)


def build(options: Options, context: BuildContext) -> ColourOnWhite:
    return ColourOnWhite(options, context.threads)

"""The whole picture, whatever the mask says; the alpha goes along."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from engine.types import Cutout, Matte, RGBImage
from stages.context import BuildContext
from stages.cutout._square import check_pair, cut_part, square, whole_box
from stages.options import StageOptions


class Options(StageOptions):
    size: int = Field(224, ge=1)  # pixels a side


class Whole:
    """Squared by white padding."""

    def __init__(self, options: Options) -> None:
        self._size = options.size

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        return [self._cut(image, matte) for image, matte in zip(images, mattes, strict=True)]

    def _cut(self, image: RGBImage, matte: Matte) -> Cutout:
        check_pair(image, matte)
        box = whole_box(image)
        return square(*cut_part(image, matte, box), box, self._size)


def build(options: Options, context: BuildContext) -> Whole:
    return Whole(options)

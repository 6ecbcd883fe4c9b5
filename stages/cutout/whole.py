"""The whole image, whatever the mask; the alpha is kept beside it."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from engine.parallel import each
from engine.types import Cutout, Matte, RGBImage
from stages.context import BuildContext
from stages.cutout._square import check_pair, cut_part, square, whole_box
from stages.options import StageOptions


class Options(StageOptions):
    size: int = Field(224, ge=1)  # pixels a side


class Whole:
    """Squared by white padding."""

    def __init__(self, options: Options, threads: int) -> None:
        self._size = options.size
        self._threads = threads

    def cut(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Cutout]:
        pairs = list(zip(images, mattes, strict=True))
        return each(self._cut, pairs, threads=self._threads)

    def _cut(self, pair: tuple[RGBImage, Matte]) -> Cutout:
        image, matte = pair
        check_pair(image, matte)
        box = whole_box(image)
        return square(*cut_part(image, matte, box), box, self._size)


def build(options: Options, context: BuildContext) -> Whole:
    return Whole(options, context.threads)

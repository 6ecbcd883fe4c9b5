"""No matting: the segmenter's own alpha is the matte."""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Matte, RGBImage
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


class NoMatting:
    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        return list(mattes)


def build(options: Options, context: BuildContext) -> NoMatting:
    return NoMatting()

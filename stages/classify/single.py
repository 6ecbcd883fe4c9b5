"""A catalogue without labels is one category."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from engine.types import CategoryScores, Cutout, FloatArray
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    category: str = Field("catalogue", min_length=1)


class Single:
    """Gives every cutout the same category with probability 1."""

    def __init__(self, options: Options) -> None:
        self._category = options.category
        self.categories = (options.category,)

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        return [CategoryScores.certain(self._category) for _ in cutouts]


def build(options: Options, context: BuildContext) -> Single:
    return Single(options)

"""No reranking: the order of retrieval is final."""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Description, Hit
from stages.context import BuildContext
from stages.options import StageOptions


class Options(StageOptions):
    pass


class NoRerank:
    """Only numbers the ranks from 1."""

    top_n = 0

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        return [hit.at(rank) for rank, hit in enumerate(hits, start=1)]


def build(options: Options, context: BuildContext) -> NoRerank:
    return NoRerank()

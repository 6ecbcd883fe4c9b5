"""Rerank the first hits by the overlap of contours alone, as in the paper.

Intersection over union of the query's and the candidate's filled contour. In the image frame
(``align = false``) it also depends on position and size; aligned, it compares shape only.
"""

from __future__ import annotations

from collections.abc import Sequence

from engine.types import Description, Hit
from stages.context import BuildContext
from stages.rerank._gate import ContourOptions, rerank_trusted


class Options(ContourOptions):
    pass


class ContourIou:
    """Orders trusted hits by IoU, descending; ties keep the order of retrieval."""

    def __init__(self, options: Options) -> None:
        self._options = options

    @property
    def top_n(self) -> int:
        return self._options.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        return rerank_trusted(query, hits, self._options, _iou, _words)


def _iou(hit: Hit, iou: float) -> float:
    return iou


def _words(hit: Hit, iou: float) -> str:
    return f"contour IoU {iou:.2f}"


def build(options: Options, context: BuildContext) -> ContourIou:
    return ContourIou(options)

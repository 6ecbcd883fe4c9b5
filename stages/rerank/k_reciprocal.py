"""Sort the first hits by how far they share their neighbours with the query; see
``engine.reciprocal`` for the method (Zhong, Zheng, Cao, Li, CVPR 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pydantic import Field

from engine.distances import distances
from engine.reciprocal import K1, K2, LAMBDA, k_reciprocal_distances
from engine.types import Description, Hit
from stages.context import BuildContext
from stages.options import StageOptions
from stages.rerank._words import explained, moved


class Options(StageOptions):
    """``k1``, ``k2`` and ``weight`` (the share of the original distance, the paper's lambda) as in
    the paper. Neighbourhoods are looked for among the query and the ``top_n`` candidates alone:
    that is the paper's method where ``top_n`` covers all that is searched, else near to it."""

    top_n: int = Field(100, ge=0)
    k1: int = Field(K1, ge=1)
    k2: int = Field(K2, ge=1)
    weight: float = Field(LAMBDA, ge=0, le=1)


class KReciprocal:
    """Orders hits by the k-reciprocal distance of their vectors; ties keep the order of retrieval.

    Distances are Euclidean, whatever the search's metric, and from the photo's own vector, also
    where the search expanded it. Contours take no part: a mask that is not trusted keeps no hit in
    its place. ``score`` and ``distance`` stay those of the retrieval.
    """

    def __init__(self, options: Options) -> None:
        self._options = options

    @property
    def top_n(self) -> int:
        return self._options.top_n

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        head, tail = list(hits[: self.top_n]), list(hits[self.top_n :])
        values = self._values(query, head)
        places = sorted(range(len(head)), key=lambda place: values[place])
        answer = [
            explained(
                head[before],
                f"k-reciprocal distance {values[before]:.3f}, {moved(before + 1, after)}",
                iou=None,
            )
            for after, before in enumerate(places, start=1)
        ]
        return [hit.at(rank) for rank, hit in enumerate([*answer, *tail], start=1)]

    def _values(self, query: Description, hits: Sequence[Hit]) -> list[float]:
        """Aligned with the hits. Equal distances rank by id, so that the order in which hits
        come in changes nothing."""
        if not hits:
            return []
        options = self._options
        by_id = sorted(range(len(hits)), key=lambda place: hits[place].record.id)
        described = [query, *(hits[place].record.description for place in by_id)]
        rows = np.stack([one.embedding.vector for one in described])
        (found,) = k_reciprocal_distances(
            distances(rows, rows, "euclidean"), 1, options.k1, options.k2, options.weight
        )
        values = dict(zip(by_id, found.tolist(), strict=True))
        return [values[place] for place in range(len(hits))]


def build(options: Options, context: BuildContext) -> KReciprocal:
    return KReciprocal(options)

"""The pairs of a task: its queries with the candidates that a search would give."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import BoolArray, Hit, Progress
from offline.adapt.reranking.pairs import PairedQuery, Pairs, beyond, paired, pooled
from offline.datasets import DatasetImage
from offline.evaluate.task import RETRIEVED, DescribedTask, GalleryRanking
from stages.rerank._pair_features import pair_features


def group_of(image: DatasetImage) -> str:
    """Families are told apart within their category: two may both have an "f01"."""
    if image.family is not None:
        return f"{image.category}/{image.family}"
    return image.product or image.id


def collect(
    described: DescribedTask, top_n: int, pool: str = "", progress: Progress | None = None
) -> Pairs:
    """The first ``top_n`` candidates of every query that has a relevant image, routed as a search
    would; ``pool`` names them, by default after the task."""
    task, found = described.task, []
    for query, ways in enumerate(described.rankings([RETRIEVED])):
        if task.relevance[query].relevant:
            found.append(_list(described, query, ways[RETRIEVED], top_n, pool or task.name))
        if progress is not None:
            progress(query + 1, len(task.queries))
    return pooled(found)


def _list(
    described: DescribedTask, query: int, ranking: GalleryRanking, top_n: int, pool: str
) -> Pairs:
    task, description = described.task, described.queries[query]
    hits = described.candidates(ranking, top_n)
    relevant = np.zeros(len(task.gallery), np.bool_)
    relevant[list(task.relevance[query].relevant)] = True
    total = len(task.relevance[query].relevant) + described.absent[query]
    ranks = ranking.found(relevant, total).ranks
    image = task.queries[query]
    asked = PairedQuery(
        image.id,
        pool,
        group_of(image),
        image.product or image.id,
        image.look or "",
        bool(description.quality.doubts),
        description.trust,
        total,
        *beyond(ranks, len(hits)),
    )
    groups = [group_of(task.gallery[hit.record.id]) for hit in hits]
    right = _right(hits, task.relevance[query].relevant)
    return paired(asked, pair_features(description, hits).rows, right, groups)


def _right(hits: Sequence[Hit], relevant: Sequence[int]) -> BoolArray:
    wanted = set(relevant)
    return np.array([hit.record.id in wanted for hit in hits], np.bool_)

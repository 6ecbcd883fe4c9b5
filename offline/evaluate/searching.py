"""How a protocol is searched: the metric, and what may be done to queries and to the first hits."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from engine.config import Settings
from engine.distances import Metric, distances
from engine.expansion import expanded
from engine.types import BoolArray, FloatArray, IntArray
from offline.datasets.types import RetrievalTask
from offline.evaluate.judging import own_positions
from offline.evaluate.ranking import NOBODY, Ranking, nearest, rank
from stages.assemble import read_options
from stages.rerank.k_reciprocal import Options as KReciprocal
from stages.rerank.k_reciprocal import k_reciprocal_distances

EXPANDED = 1024  # queries at a time: 10 neighbours of 2048 numbers each are 80 MB


@dataclass(frozen=True)
class Search:
    """``expand``: how many neighbours a query is expanded by, 0 for none (alpha query expansion,
    Radenović, Tolias, Chum, PAMI 2019). ``rerank``: the first hits reordered among themselves
    (Zhong et al., CVPR 2017), as the stage of that name does it in serving."""

    metric: Metric = "euclidean"
    expand: int = 0
    alpha: float = 3.0
    rerank: KReciprocal | None = None


def search_of(settings: Settings) -> Search:
    """What the settings say of searching. Of reranks only ``k_reciprocal`` takes part: the others
    need contours, which features alone do not have."""
    rerank = read_options("rerank", settings.rerank)
    query = settings.query
    return Search(
        metric=settings.search.metric,
        expand=query.expand,
        alpha=query.expand_alpha,
        rerank=rerank if isinstance(rerank, KReciprocal) and rerank.top_n else None,
    )


def search(
    task: RetrievalTask,
    queries: FloatArray,
    gallery: FloatArray,
    how: Search,
    *,
    present: BoolArray | None = None,
    normalised: bool = True,
) -> Ranking:
    """Rank the gallery (G, D) for the task's queries (Q, D).

    A query's own picture in the gallery neither expands nor reranks it. ``normalised``: whether
    the features have length 1, and expanded queries shall. Errors as in ``rank``.
    """
    ranking = rank(queries, gallery, how.metric, present)
    own = own_positions(task)
    if how.expand:
        ranking = replace(ranking, queries=_expanded(ranking, own, how, normalised=normalised))
    if how.rerank is not None:
        ranking = replace(ranking, head=_reciprocal_heads(ranking, queries, own, how.rerank))
    return ranking


def _expanded(ranking: Ranking, own: IntArray, how: Search, *, normalised: bool) -> FloatArray:
    spare = bool((own != NOBODY).any())
    n = min(how.expand, int(ranking.present.sum()) - spare)
    if n < 1:
        return ranking.queries
    near, _ = nearest(ranking, n, own)
    moved = [
        expanded(
            ranking.queries[at : at + EXPANDED],
            ranking.gallery[near[at : at + EXPANDED]],
            how.alpha,
            normalised=normalised,
        )
        for at in range(0, len(near), EXPANDED)
    ]
    return np.concatenate(moved)


def _reciprocal_heads(
    ranking: Ranking, queries: FloatArray, own: IntArray, how: KReciprocal
) -> IntArray:
    """(Q, top_n), NOBODY at the end of rows that have fewer candidates. ``queries`` (Q, D) are
    those before any expansion; k-reciprocal distances tie by the order of retrieval."""
    heads, _ = nearest(ranking, how.top_n, own)
    for query, head in zip(queries, heads, strict=True):
        found = head[head != NOBODY]
        candidates = np.sort(found)  # as neighbours of each other they tie by position
        rows = np.concatenate([query[None], ranking.gallery[candidates]])
        square = distances(rows, rows, "euclidean")
        (values,) = k_reciprocal_distances(square, 1, how.k1, how.k2, how.weight)
        of_found = values[np.searchsorted(candidates, found)]
        head[: len(found)] = found[np.argsort(of_found, kind="stable")]
    return heads

"""Rankings against the truth: at which rank every relevant picture of every query stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import ConfigError
from engine.types import BoolArray, FloatArray, IntArray
from offline.datasets.types import Relevance, RetrievalTask
from offline.evaluate.ranking import NOBODY, Ranking
from offline.metrics.retrieval import Found

# With more relevant pictures than this it is quicker to sort the gallery than to count, for each
# of them, what is nearer (60,000 pictures: 5 ms to sort, 0.05 ms to count).
COUNTED = 64


@dataclass(frozen=True, eq=False)
class Judged:
    """How one query of a task fared. ``first``: its best hit that is not ignored, a position in
    the gallery, NOBODY where nothing was retrieved."""

    found: Found
    first: int


def judge(task: RetrievalTask, ranking: Ranking) -> list[Judged]:
    """One judgement a query of the task, in order.

    Ignored pictures are taken out of the ranking first; absent ones are never retrieved, and
    still count among the relevant. Raises ValueError for a ranking of other sizes.
    """
    if (len(ranking.queries), len(ranking.gallery)) != (len(task.queries), len(task.gallery)):
        raise ValueError(
            f"{task.name}: {len(task.queries)} queries of {len(task.gallery)} pictures, but "
            f"features of {len(ranking.queries)} and {len(ranking.gallery)}"
        )
    judged = []
    for start, block in ranking.blocks():
        for row, line in enumerate(block, start=start):
            head = ranking.head[row] if len(ranking.head) else None
            judged.append(_judged(line, task.relevance[row], ranking.present, head))
    return judged


def own_positions(task: RetrievalTask) -> IntArray:
    """(Q,) the gallery position of the query itself, by its id, where the protocol ignores it;
    NOBODY where it is not there or is an answer like any other."""
    at = {picture.id: position for position, picture in enumerate(task.gallery)}
    own = [at.get(query.id, NOBODY) for query in task.queries]
    pairs = zip(own, task.relevance, strict=True)
    return np.array([at if at in answer.ignored else NOBODY for at, answer in pairs], np.int64)


def answerable(task: RetrievalTask, limit: int | None = None) -> RetrievalTask:
    """The task less the queries that nothing answers, and no more than ``limit`` of the rest,
    evenly spread: neighbours are often views of one product.

    Raises ConfigError where no query is left.
    """
    lost = set(task.unanswerable)
    kept = [at for at in range(len(task.queries)) if at not in lost]
    if not kept:
        raise ConfigError(
            f"{task.name}: no query has a relevant picture in the gallery.",
            remedy="Check the data set's labels and folders.",
        )
    if limit is not None and limit < len(kept):
        kept = [kept[at * len(kept) // limit] for at in range(limit)]
    return asking(task, kept)


def asking(task: RetrievalTask, kept: Sequence[int]) -> RetrievalTask:
    """The task with some of its queries only, by their positions."""
    return replace(
        task,
        queries=tuple(task.queries[at] for at in kept),
        relevance=tuple(task.relevance[at] for at in kept),
    )


def _judged(
    line: FloatArray, answer: Relevance, present: BoolArray, head: IntArray | None
) -> Judged:
    ignored = np.array(answer.ignored, np.int64)
    line[ignored] = np.inf  # behind all others, as if it were not there
    relevant = np.array([at for at in answer.relevant if present[at]], np.int64)
    ranks = _ranks(line, relevant)
    best = int(np.argmin(line)) if len(line) else 0
    if head is not None:
        kept = head[~np.isin(head, ignored) & (head != NOBODY)]
        ranks = _moved(ranks, relevant, kept)
        best = int(kept[0]) if len(kept) else best
    first = best if np.isfinite(line[best]) else NOBODY
    return Judged(Found(np.sort(ranks), len(answer.relevant)), first)


def _ranks(line: FloatArray, relevant: IntArray) -> IntArray:
    """Ranks from 1, aligned with ``relevant``, by (distance, position)."""
    if len(relevant) > COUNTED:
        ranks = np.empty(len(line), np.int64)
        ranks[np.argsort(line, kind="stable")] = np.arange(1, len(line) + 1)
        sorted_ranks: IntArray = ranks[relevant]
        return sorted_ranks
    before = [
        np.count_nonzero(line < line[at]) + np.count_nonzero(line[:at] == line[at])
        for at in relevant
    ]
    return np.array(before, np.int64) + 1


def _moved(ranks: IntArray, relevant: IntArray, head: IntArray) -> IntArray:
    """Those in the head stand where the head says; it holds the nearest, so no others move."""
    places = {position: place for place, position in enumerate(head.tolist(), start=1)}
    moved = [places.get(at, rank) for at, rank in zip(relevant.tolist(), ranks, strict=True)]
    return np.array(moved, np.int64)

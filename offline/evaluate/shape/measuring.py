"""Score every descriptor on one set, and time them side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from engine.errors import ConfigError
from engine.types import Progress
from offline.datasets.types import RetrievalTask
from offline.evaluate.shape.bullseye import bullseyes
from offline.evaluate.shape.methods import METHODS, Method
from offline.evaluate.shape.silhouettes import Silhouettes, read_silhouettes
from offline.metrics.statistics import Interval, bootstrap, evenly

CANDIDATES = 1000
TIMED = 30  # shapes to describe, and queries to compare, a descriptor


@dataclass(frozen=True)
class Measured:
    """One descriptor: its bullseye by query, and milliseconds of the processor, medians.

    ``describing`` for one shape alone; ``comparing`` for one query with 1,000 candidates.
    """

    method: str
    scores: tuple[float, ...]
    bullseye: Interval
    describing: float
    comparing: float


@dataclass(frozen=True)
class ShapeResult:
    """``classes`` are the queries' own, aligned with every descriptor's scores.

    ``depth``: answers that are judged; None: twice as many as are relevant, for every query.
    """

    depth: int | None
    gallery: int
    classes: tuple[str, ...]
    measured: tuple[Measured, ...]


def measure_shapes(
    task: RetrievalTask,
    *,
    seed: int,
    methods: Sequence[Method] = METHODS,
    progress: Progress = lambda done, total: None,
) -> ShapeResult:
    """Of any task whose pictures have masks; queries that nothing answers are left out.

    The intervals resample classes (products, where pictures have them), not queries: the shapes
    of a class are not independent. ``seed`` is theirs.

    Raises ConfigError where no query has an answer or a picture has no mask.
    """
    task = _answered(task)
    gallery = read_silhouettes(task.gallery, progress)
    queries = gallery if task.queries == task.gallery else read_silhouettes(task.queries, progress)
    classes = tuple(str(picture.product or picture.category) for picture in task.queries)
    rows = [method.describe(method.contours(gallery)) for method in methods]
    timings = _timings(methods, gallery, rows)
    measured = []
    for method, described, times in zip(methods, rows, timings, strict=True):
        asking = described if queries is gallery else method.describe(method.contours(queries))
        apart = (method.apart(row, described) for row in asking)
        scores = bullseyes(apart, task.relevance, task.depth)
        interval = bootstrap(scores, seed=seed, clusters=classes)
        measured.append(Measured(method.name, tuple(scores), interval, *times))
    return ShapeResult(task.depth, len(task.gallery), classes, tuple(measured))


def _answered(task: RetrievalTask) -> RetrievalTask:
    asked = [at for at, answer in enumerate(task.relevance) if answer.relevant]
    if not asked:
        raise ConfigError(
            f"{task.name}: no query has an answer in the gallery.",
            remedy="Choose another protocol.",
        )
    queries = tuple(task.queries[at] for at in asked)
    return replace(task, queries=queries, relevance=tuple(task.relevance[at] for at in asked))


def _timings(
    methods: Sequence[Method], silhouettes: Silhouettes, rows: Sequence[Any]
) -> list[tuple[float, float]]:
    """(describing, comparing) in milliseconds, aligned with the methods, taken in turn, so that
    a busy machine slows them alike."""
    galleries = [_thousand(described) for described in rows]
    places = evenly(len(silhouettes.aligned), TIMED)
    taken = np.zeros((len(places), len(methods), 2))
    for turn, at in enumerate(places):
        for column, method in enumerate(methods):
            describe = partial(method.describe, [method.contours(silhouettes)[at]])
            compare = partial(method.apart, rows[column][at], galleries[column])
            taken[turn, column] = _seconds(describe), _seconds(compare)
    medians = 1000 * np.median(taken, axis=0)
    return [(float(describing), float(comparing)) for describing, comparing in medians]


def _thousand(described: Any) -> Any:
    """A gallery of ``CANDIDATES`` rows, from the first on and over again."""
    places = [at % len(described) for at in range(CANDIDATES)]
    if isinstance(described, np.ndarray):
        return described[places]
    return [described[at] for at in places]


def _seconds(work: Callable[[], object]) -> float:
    """Of the processor, all threads together: a busy machine does not count."""
    start = time.process_time()
    work()
    return time.process_time() - start

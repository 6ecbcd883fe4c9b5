"""Bullseye scores of shape descriptors on silhouettes, and how long they take, side by side."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.contours import aligned_contour, frame_contour, ious
from engine.errors import ConfigError
from engine.images import load
from engine.types import Contour, FloatArray, Matte, Progress
from offline.datasets import DatasetImage
from offline.datasets.types import Relevance, RetrievalTask
from offline.metrics.retrieval import Found, set_recall_at
from offline.metrics.statistics import Interval, bootstrap, evenly
from stages.shape.descriptor import describe_shapes, shape_distances
from stages.shape.fourier import fourier_descriptor
from stages.shape.proportions import profile_similarities, width_profile

CANDIDATES = 1000
TIMED = 30  # shapes to describe, and queries to compare, a descriptor
OURS = "string cuts, best start"
_WHITE = 128  # from this grey on a pixel is shape


Distances = npt.NDArray[np.floating[Any]]  # (N,), lower is more alike


@dataclass(frozen=True)
class Silhouettes:
    """Contours of images, aligned with them: in the frame of the image, and normalised."""

    framed: list[Contour]
    aligned: list[Contour]


def read_silhouettes(
    images: Sequence[DatasetImage], progress: Progress = lambda done, total: None
) -> Silhouettes:
    """Of the images' true masks: white is product.

    Raises ConfigError for an image that has none and ImageError for one that cannot be read:
    without it the depth of the bullseye score would not be its class's.
    """
    read = Silhouettes([], [])
    for done, image in enumerate(images, start=1):
        pixels = load(_mask_of(image)).pixels
        matte = Matte((pixels[:, :, 1] >= _WHITE).astype(np.float32))
        read.framed.append(frame_contour(matte))
        read.aligned.append(aligned_contour(matte))
        progress(done, len(images))
    return read


def _mask_of(image: DatasetImage) -> Path:
    if image.mask is None:
        raise ConfigError(
            f"{image.id}: has no true mask, so that its shape is not known.",
            remedy="Choose a data set or a protocol whose images have masks.",
        )
    return image.mask


@dataclass(frozen=True)
class Method:
    """``describe`` gives a row for each contour, ``apart`` the distances of a row to rows.

    Rows are numbers (N, D), or for the overlaps the contours themselves. ``aligned``: it looks at
    contours normalised for position and size.
    """

    name: str
    describe: Callable[[Sequence[Contour]], Any]
    apart: Callable[[Any, Any], Distances]
    aligned: bool = True

    def contours(self, silhouettes: Silhouettes) -> list[Contour]:
        return silhouettes.aligned if self.aligned else silhouettes.framed


def _fourier(contours: Sequence[Contour]) -> FloatArray:
    return np.stack([fourier_descriptor(contour) for contour in contours])


def _euclidean(query: FloatArray, gallery: FloatArray) -> Distances:
    return np.asarray(np.linalg.norm(gallery - query, axis=1))


def _widths(contours: Sequence[Contour]) -> FloatArray:
    return np.stack([width_profile(contour) for contour in contours])


def _profile_distances(query: FloatArray, gallery: FloatArray) -> Distances:
    return 1 - profile_similarities(query, gallery)


def _non_overlap(query: Contour, gallery: Sequence[Contour]) -> Distances:
    return 1 - ious(query, gallery)


METHODS = (
    Method("IoU in the frame", list, _non_overlap, aligned=False),
    Method("IoU aligned", list, _non_overlap),
    Method("width profile", _widths, _profile_distances),
    Method("Fourier descriptor", _fourier, _euclidean),
    Method(OURS, describe_shapes, shape_distances),
)


def bullseye(distances: Distances, answer: Relevance, depth: int) -> float:
    """The fraction of the relevant shapes among the ``depth`` nearest, in [0, 1].

    Latecki, Lakämper, Eckhardt: Shape Descriptors for Non-Rigid Shapes with a Single Closed
    Contour, CVPR 2000: with 20 shapes a class, those of the query's own among the 40 nearest,
    itself counted, over 20; the mean over all queries is the score. ``distances`` (N,), ties by
    position; an infinite distance is never an answer. 0 where nothing is relevant. Raises
    ValueError for NaN.
    """
    if bool(np.isnan(distances).any()):
        raise ValueError("a distance is not a number")
    line = np.array(distances, np.float32)
    line[list(answer.ignored)] = np.inf
    order = np.argsort(line, kind="stable")
    order = order[np.isfinite(line[order])]
    found = Found.of(np.isin(order, answer.relevant), len(answer.relevant))
    return set_recall_at(found, depth)


def bullseyes(
    rows: Iterable[Distances], answers: Sequence[Relevance], depth: int | None = None
) -> list[float]:
    """One score for each query, aligned with ``rows`` and ``answers``; a ``depth`` of None is
    twice as many answers as the query has relevant ones."""
    return [
        bullseye(row, answer, depth or 2 * len(answer.relevant))
        for row, answer in zip(rows, answers, strict=True)
    ]


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

    ``depth``: answers that count; None: twice as many as are relevant, for every query.
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
    """Of any task whose images have masks; queries without a relevant image are left out.

    The intervals resample classes (products, where images have them), not queries: the shapes
    of a class are not independent. ``seed`` is theirs.

    Raises ConfigError where no query has an answer or an image has no mask.
    """
    task = _answerable(task)
    gallery = read_silhouettes(task.gallery, progress)
    queries = gallery if task.queries == task.gallery else read_silhouettes(task.queries, progress)
    classes = tuple(str(image.product or image.category) for image in task.queries)
    rows = [method.describe(method.contours(gallery)) for method in methods]
    timings = _timings(methods, gallery, rows)
    measured = []
    for method, described, times in zip(methods, rows, timings, strict=True):
        query_rows = described if queries is gallery else method.describe(method.contours(queries))
        apart = (method.apart(row, described) for row in query_rows)
        scores = bullseyes(apart, task.relevance, task.depth)
        interval = bootstrap(scores, seed=seed, clusters=classes)
        measured.append(Measured(method.name, tuple(scores), interval, *times))
    return ShapeResult(task.depth, len(task.gallery), classes, tuple(measured))


def _answerable(task: RetrievalTask) -> RetrievalTask:
    kept = [at for at, answer in enumerate(task.relevance) if answer.relevant]
    if not kept:
        raise ConfigError(
            f"{task.name}: no query has a relevant image in the gallery.",
            remedy="Choose another protocol.",
        )
    queries = tuple(task.queries[at] for at in kept)
    return replace(task, queries=queries, relevance=tuple(task.relevance[at] for at in kept))


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

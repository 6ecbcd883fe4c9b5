"""Embeddings by the protocols of the papers: vectors alone, no routing and no contours.

Which data set and protocols a name means, and which metrics its paper's table has, is data in
this file.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.config import Settings, unknown_key
from engine.errors import ConfigError, ImageError
from engine.images import ImageLimits, load
from engine.timings import Stopwatch
from engine.types import Float64Array, FloatArray, Progress
from offline.datasets import Dataset, DatasetImage, RetrievalTask, dataset_kinds, open_dataset
from offline.evaluate.adapting import adapt_vectors
from offline.evaluate.describing import embed_tasks
from offline.evaluate.retrieval.measure import measure_rankings, own_level
from offline.evaluate.task import RERANKED, VectorTask
from offline.metrics.retrieval import Found, metric_values
from offline.store.images import cropped
from stages.assemble import EmbeddingParts
from stages.embed.joined import descriptors_of

log = logging.getLogger(__name__)

ALL = "all"
DEFAULT = ("R@1", "R@5", "P@10", "mAP", "MRR")


@dataclass(frozen=True)
class Columns:
    """The metrics of a benchmark's paper; ``by_category``: one more table, a row per category."""

    metrics: tuple[str, ...]
    by_category: bool = False


# By the data set's name. Oh Song et al., CVPR 2016, report R@1 to R@1000.
_BY_DATASET = {
    "online_products": Columns(
        ("R@1", "R@10", "R@100", "R@1000", "P@5", "recall@5", "top@1", "top@5")
    ),
    "corel": Columns(("P@10", "P@20", "mAP", "R@1"), by_category=True),
    "eyeglasses": Columns(
        ("top@1", "top@5", "top@10", "AP@10", "P@10", "recall@10", "F1@10", "MRR")
    ),
}
# Philbin et al., CVPR 2007, and Radenović et al., CVPR 2018, whatever the files are called.
_REVISITED = Columns(("mAP-trapezoid", "mP@1", "mP@5", "mP@10"))
_BY_PROTOCOL = {
    "original": Columns(("mAP-trapezoid", "mAP", "R@1", "P@10")),
    **dict.fromkeys(("easy", "medium", "hard"), _REVISITED),
}


@dataclass(frozen=True, eq=False)
class ProtocolResult:
    """One protocol, measured on its readable queries that have a relevant image.

    ``found``, ``hits`` and the rows of ``values`` are aligned with the task's queries; ``hits``
    are the first hits' gallery positions, None where nothing was retrieved. Queries without a
    relevant image (``unanswerable``), unreadable ones (``unreadable``) and those beyond a limit
    (``requested`` counts all) are in no mean. ``fitted``: a sentence for each part of an
    adaptation.
    """

    protocol: str
    task: VectorTask
    metrics: tuple[str, ...]
    values: Float64Array  # (Q, M)
    found: tuple[Found, ...]
    hits: tuple[int | None, ...]
    requested: int
    unanswerable: int
    unreadable: int
    fitted: tuple[str, ...] = ()

    @property
    def queries(self) -> tuple[DatasetImage, ...]:
        return self.task.task.queries

    @property
    def similarities(self) -> Float64Array:
        """(Q,) cosines of queries and their first hits, whatever the metric; 0 without a hit."""
        pairs = zip(self.task.vectors, self.hits, strict=True)
        return np.array(
            [0.0 if at is None else _cosine(row, self.task.rows[at]) for row, at in pairs]
        )

    def left_out(self) -> list[str]:
        """What is in no mean, and what makes the task look easier than it is."""
        passed = self.requested - self.unanswerable - self.unreadable - len(self.queries)
        counts = (
            (passed, "passed over for a quick look (--limit)"),
            (self.unanswerable, "left out: no relevant image in the gallery"),
            (self.unreadable, "left out: cannot be read"),
        )
        notes = [f"{count} of {self.requested} queries {why}" for count, why in counts if count]
        if self.task.copies:
            notes.append(
                f"{self.task.copies} queries are in the gallery as well, the very same file"
            )
        unread = len(self.task.unread)
        if unread:
            gallery = len(self.task.task.gallery) + unread
            notes.append(f"{unread} of {gallery} gallery images cannot be read: never found")
        return notes


def measure_protocols(
    dataset: Dataset,
    protocols: Sequence[str],
    parts: EmbeddingParts,
    cache: Path,
    metrics: Sequence[str] = (),
    limit: int | None = None,
    progress: Progress | None = None,
    adapt_by: int | None = None,
) -> list[ProtocolResult]:
    """The protocols of a data set, in order: embedded, ranked and measured by ``metrics``, by
    default those of the benchmark's paper. ``adapt_by``: adapt each gallery, with this seed.
    Errors as of ``evaluate_benchmark``."""
    tasks = {name: dataset.retrieval(name) for name in protocols}
    requested = {name: answerable(task, limit) for name, task in tasks.items()}
    embedded = embed_tasks(list(requested.values()), parts, cache, progress)
    joined, results = descriptors_of(parts.embedder), []
    for (name, task), vectors in zip(tasks.items(), embedded, strict=True):
        names = tuple(metrics) or table_columns(dataset, name, task).metrics
        found, hits = [], []
        fitted: tuple[str, ...] = ()
        if adapt_by is not None:
            vectors, fitted = adapt_vectors(vectors, adapt_by, joined)
        level = own_level(vectors)
        for query, ways in enumerate(vectors.rankings([RERANKED])):
            ranking = ways[RERANKED]
            found.append(ranking.found(level.relevant(query), level.totals[query]))
            hits.append(next(iter(ranking.first(1).tolist()), None))
        results.append(
            ProtocolResult(
                protocol=name,
                task=vectors,
                metrics=names,
                values=metric_values(found, names),
                found=tuple(found),
                hits=tuple(hits),
                requested=len(task.queries),
                unanswerable=len(task.unanswerable),
                unreadable=len(requested[name].queries) - len(vectors.task.queries),
                fitted=fitted,
            )
        )
    return results


def measure_vectors(
    task: RetrievalTask, queries: FloatArray, gallery: FloatArray, metrics: Sequence[str]
) -> Float64Array:
    """(Q, M) of a task whose vectors (Q, D) and (G, D) are at hand, by Euclidean distance."""
    vectors = VectorTask(
        task=task,
        vectors=queries,
        rows=gallery,
        settings=Settings(),
        normalised=False,
        absent=(0,) * len(task.queries),
    )
    level = own_level(vectors)
    return measure_rankings(vectors, [level], [RERANKED], metrics).of(level)[RERANKED].values


def table_columns(dataset: Dataset, protocol: str, task: RetrievalTask) -> Columns:
    """A protocol of limited depth is measured by what it finds within it."""
    if task.depth is not None:
        return Columns((f"recall@{task.depth}", "R@1", "mAP"))
    known = _BY_DATASET.get(dataset.name) or _BY_PROTOCOL.get(protocol)
    return known or Columns(DEFAULT)


def open_benchmark(name: str, data: Path) -> tuple[Dataset, tuple[str, ...]]:
    """The data set in a folder and the protocols that a name means.

    A name is a protocol of the data set, a kind of data set (all its protocols; the folder is
    read as that kind), KIND/PROTOCOL, or ``all``. Raises ConfigError, with the valid names, for
    an unknown one and for data that is not made for retrieval. ``all`` passes over protocols
    without an answer (plain folders may have no products), logged.
    """
    kind, slash, protocol = name.partition("/")
    if kind in dataset_kinds():
        dataset = open_dataset(data, kind)
        wanted = protocol if slash else ALL
    else:
        dataset, wanted = open_dataset(data), name
    if not dataset.protocols:
        raise ConfigError(
            f"{data}: the {dataset.name} data set has no retrieval protocols.",
            remedy="Give data with products or categories to find.",
        )
    if wanted == ALL:
        return dataset, answerable_protocols(dataset)
    if wanted not in dataset.protocols:
        valid = [ALL, *dataset.protocols, *dataset_kinds()]
        raise unknown_key(f"{data} ({dataset.name})", name, valid, "protocol")
    return dataset, (wanted,)


def answerable_protocols(dataset: Dataset) -> tuple[str, ...]:
    """Protocols with an answer to some query; the last one's ConfigError where none has."""
    found, last = [], None
    for protocol in dataset.protocols:
        try:
            answerable(dataset.retrieval(protocol))
        except ConfigError as error:
            log.warning("%s passed over: %s", protocol, error)
            last = error
        else:
            found.append(protocol)
    if last is not None and not found:
        raise last
    return tuple(found)


def answerable(task: RetrievalTask, limit: int | None = None) -> RetrievalTask:
    """The task less its queries without a relevant image, and no more than ``limit`` of the
    rest, evenly spread. ConfigError where no query is left."""
    lost = set(task.unanswerable)
    kept = [at for at in range(len(task.queries)) if at not in lost]
    if not kept:
        raise ConfigError(
            f"{task.name}: no query has a relevant image in the gallery.",
            remedy="Check the data set's labels and folders.",
        )
    return task.of_queries(kept).limited(limit)


def time_stages(
    images: Sequence[DatasetImage], parts: EmbeddingParts, count: int
) -> dict[str, float]:
    """Median milliseconds by stage, in the order they run, over ``count`` of the images, evenly
    spread, one at a time as a query comes in.

    The first is described once before, so that no stage is timed cold. Unreadable images are
    passed over; empty where none is left.
    """
    if count < 1 or not images:
        return {}
    chosen = images[:: max(1, len(images) // count)][:count]
    _stage_seconds(chosen[0], parts)
    timed = [seconds for image in chosen if (seconds := _stage_seconds(image, parts))]
    return {
        stage: 1000 * float(np.median([seconds[stage] for seconds in timed]))
        for stage in (timed[0] if timed else ())
    }


def joint_checksum(results: Sequence[ProtocolResult]) -> str:
    """Of ids, crops and contents of all images of all protocols."""
    if len(results) == 1:
        return results[0].task.checksum
    return hashlib.sha256("".join(one.task.checksum for one in results).encode()).hexdigest()


def _stage_seconds(image: DatasetImage, parts: EmbeddingParts) -> dict[str, float]:
    watch = Stopwatch()
    limits = ImageLimits.of(parts.settings.images)
    try:
        with watch("load"):
            decoded = cropped(load(image.path, limits=limits), image)
    except ImageError:
        return {}
    cuts = parts.cutting.cut([decoded], watch)
    with watch("embed"):
        parts.embedder.embed([cut.cutout for cut in cuts])
    return watch.seconds


def _cosine(a: FloatArray, b: FloatArray) -> float:
    """0 for a vector of zeros."""
    wide = a.astype(np.float64), b.astype(np.float64)
    lengths = float(np.linalg.norm(wide[0]) * np.linalg.norm(wide[1]))
    return float(wide[0] @ wide[1]) / lengths if lengths else 0.0

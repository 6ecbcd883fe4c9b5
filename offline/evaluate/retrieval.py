"""Retrieval evaluated: the protocols of a data set, described, searched and judged."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.errors import ConfigError
from engine.types import Float64Array, FloatArray, Progress
from offline.datasets import Dataset, RetrievalTask
from offline.evaluate.benchmarks import Table, table_of
from offline.evaluate.described import Described, described
from offline.evaluate.judging import Judged, answerable, asking, judge
from offline.evaluate.plan import Plan
from offline.evaluate.ranking import NOBODY
from offline.evaluate.searching import search
from offline.metrics.retrieval import Summary, metric_values, summarise
from offline.metrics.statistics import clusters_of
from offline.store.images import checksum, copies
from stages.assemble import EmbeddingParts


@dataclass(frozen=True, eq=False)
class Outcome:
    """One protocol, judged.

    ``task`` holds the queries that were judged, aligned with ``judged`` and the rows of
    ``summary``; those that nothing answers (``unanswerable``), that cannot be read
    (``unreadable``) or that a limit passed over (``asked_of`` counts them) are in no mean.
    ``absent``: gallery pictures that cannot be read and so are never found. ``copies``: queries
    that the gallery holds by content as well, in another place than their own.
    """

    protocol: str
    task: RetrievalTask
    judged: tuple[Judged, ...]
    summary: Summary
    similarities: Float64Array  # (Q,) cosines of queries and their first hits
    by_class: dict[str, tuple[float, ...]]
    asked_of: int
    unanswerable: int
    unreadable: int
    absent: int
    copies: int
    checksum: str  # of ids, boxes and contents of all pictures

    @property
    def similarity(self) -> float:
        """Mean cosine of queries and their first hits, right or wrong."""
        return float(self.similarities.mean())


def evaluate_retrieval(
    dataset: Dataset,
    protocols: Sequence[str],
    parts: EmbeddingParts,
    cache: Path,
    plan: Plan | None = None,
    progress: Progress | None = None,
) -> tuple[list[Outcome], list[str]]:
    """One outcome a protocol, and a sentence for every picture that cannot be read.

    Raises ConfigError where no query or no gallery picture can be read, or none has an answer;
    StageError and WeightsError where a part fails.
    """
    plan = plan or Plan()
    tasks = {name: dataset.retrieval(name) for name in protocols}
    asked = {name: answerable(task, plan.limit) for name, task in tasks.items()}
    both = described(list(asked.values()), parts, cache, augment=plan.augment, progress=progress)
    outcomes = [
        _outcome(dataset, name, task, asked[name], both, parts, plan)
        for name, task in tasks.items()
    ]
    return outcomes, list(dict.fromkeys(fault for side in both for fault in side.features.faults))


def _outcome(
    dataset: Dataset,
    protocol: str,
    task: RetrievalTask,
    asked: RetrievalTask,
    both: tuple[Described, Described],
    parts: EmbeddingParts,
    plan: Plan,
) -> Outcome:
    queries, gallery = both[0].of(asked.queries), both[1].of(asked.gallery)
    kept = np.flatnonzero(queries.readable)
    if not len(kept):
        raise ConfigError(
            f"{task.name}: no query can be read.", remedy="Unpack the pictures it asks."
        )
    judgeable = asking(asked, kept.tolist())
    vectors = queries.values if queries.readable.all() else queries.values[kept]
    ranking = search(
        judgeable,
        vectors,
        gallery.values,
        plan.search,
        present=gallery.readable,
        normalised=parts.embedder.normalised,
    )
    judged = judge(judgeable, ranking)
    table = table_of(dataset, protocol, task)
    table = replace(table, measures=plan.measures or table.measures)
    return Outcome(
        protocol=protocol,
        task=judgeable,
        judged=tuple(judged),
        summary=summarise(
            [one.found for one in judged],
            table.measures,
            seed=plan.seed,
            clusters=clusters_of(judgeable.queries),
        ),
        similarities=_similarities(vectors, gallery.values, judged),
        by_class=_by_class(judgeable, judged, table),
        asked_of=len(task.queries),
        unanswerable=len(task.unanswerable),
        unreadable=len(asked.queries) - len(kept),
        absent=int((~gallery.readable).sum()),
        copies=copies(judgeable, [queries.hashes[at] for at in kept], gallery.hashes),
        checksum=checksum((*asked.queries, *asked.gallery), (*queries.hashes, *gallery.hashes)),
    )


def _similarities(
    queries: FloatArray, gallery: FloatArray, judged: Sequence[Judged]
) -> Float64Array:
    """(Q,) cosines of queries and their best hits, whatever the metric; 0 where there is none."""
    pairs = zip(queries, judged, strict=True)
    cosines = [0.0 if one.first == NOBODY else _cosine(q, gallery[one.first]) for q, one in pairs]
    return np.asarray(cosines, np.float64)


def _cosine(a: FloatArray, b: FloatArray) -> float:
    """0 for a vector of zeros."""
    wide = a.astype(np.float64), b.astype(np.float64)
    lengths = float(np.linalg.norm(wide[0]) * np.linalg.norm(wide[1]))
    return float(wide[0] @ wide[1]) / lengths if lengths else 0.0


def _by_class(
    task: RetrievalTask, judged: Sequence[Judged], table: Table
) -> dict[str, tuple[float, ...]]:
    """Means by category, in alphabetical order; empty where the table does not ask for them."""
    if not table.by_class:
        return {}
    values = metric_values([one.found for one in judged], table.measures)
    names = np.array([picture.category or "" for picture in task.queries])
    return {
        str(name): tuple(values[names == name].mean(axis=0).tolist()) for name in np.unique(names)
    }

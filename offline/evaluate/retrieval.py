"""Retrieval evaluated: the protocols of a data set, described, searched and judged."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.augmentation import AugmentedEmbedder
from engine.errors import ConfigError
from engine.types import FloatArray
from offline.datasets import Dataset, Picture, RetrievalTask
from offline.evaluate.benchmarks import Table, table_of
from offline.evaluate.features import Features, Progress, features
from offline.evaluate.judging import Judged, answerable, asking, judge
from offline.evaluate.measures import figures
from offline.evaluate.ranking import NOBODY
from offline.evaluate.searching import Search, search
from offline.evaluate.summary import Summary, summarise
from stages.assemble import EmbeddingParts


@dataclass(frozen=True)
class Plan:
    """What is asked of a data set. ``measures`` take the place of the benchmark's own; ``limit``:
    queries a protocol, at most; ``augment``: queries are described by several views of them."""

    search: Search = field(default_factory=Search)
    measures: tuple[str, ...] = ()
    limit: int | None = None
    augment: bool = False
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Outcome:
    """One protocol, judged.

    ``task`` holds the queries that were judged, aligned with ``judged`` and the rows of
    ``summary``; those that nothing answers (``unanswerable``), that cannot be read
    (``unreadable``) or that a limit passed over (``asked_of`` counts them) are in no mean.
    ``absent``: gallery pictures that cannot be read and so are never found.
    """

    protocol: str
    task: RetrievalTask
    judged: tuple[Judged, ...]
    summary: Summary
    similarity: float  # mean cosine of queries and their first hits
    by_class: dict[str, tuple[float, ...]]
    asked_of: int
    unanswerable: int
    unreadable: int
    absent: int
    checksum: str  # of ids, boxes and contents of all pictures


@dataclass(frozen=True)
class Described:
    """All pictures that some protocols need, as queries and as gallery pictures."""

    queries: dict[Picture, int]
    gallery: dict[Picture, int]
    as_query: Features
    as_gallery: Features

    def side(self, pictures: Sequence[Picture], *, queries: bool) -> Features:
        """The features of these pictures, in their order."""
        at, found = (self.queries, self.as_query) if queries else (self.gallery, self.as_gallery)
        rows = [at[picture] for picture in pictures]
        hashes = tuple(found.hashes[row] for row in rows)
        return Features(found.values[rows], found.readable[rows], hashes, found.faults)


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
    found = described(list(asked.values()), parts, cache, plan, progress)
    outcomes = [
        _outcome(dataset, name, task, asked[name], found, parts, plan)
        for name, task in tasks.items()
    ]
    return outcomes, list(dict.fromkeys([*found.as_query.faults, *found.as_gallery.faults]))


def described(
    tasks: Sequence[RetrievalTask],
    parts: EmbeddingParts,
    cache: Path,
    plan: Plan,
    progress: Progress | None = None,
) -> Described:
    """Every picture once, however many protocols need it."""
    gallery = dict.fromkeys(picture for task in tasks for picture in task.gallery)
    queries = dict.fromkeys(picture for task in tasks for picture in task.queries)
    as_gallery = features(list(gallery), parts, cache, progress)
    as_query = features(list(queries), querying(parts, plan), cache, progress)
    for what, side in (("query", as_query), ("gallery picture", as_gallery)):
        if not side.readable.any():
            raise ConfigError(
                f"{tasks[0].name}: not one {what} can be read, such as: {side.faults[0]}.",
                remedy="Unpack the pictures beside the lists that name them.",
            )
    places = [{picture: at for at, picture in enumerate(side)} for side in (queries, gallery)]
    return Described(places[0], places[1], as_query, as_gallery)


def querying(parts: EmbeddingParts, plan: Plan) -> EmbeddingParts:
    """The parts that describe queries: augmented, if the plan says so, and kept apart."""
    if not plan.augment:
        return parts
    apart = hashlib.sha256(f"{parts.fingerprint} augmented".encode()).hexdigest()
    return replace(parts, embedder=AugmentedEmbedder(parts.embedder), fingerprint=apart)


def _outcome(
    dataset: Dataset,
    protocol: str,
    task: RetrievalTask,
    asked: RetrievalTask,
    found: Described,
    parts: EmbeddingParts,
    plan: Plan,
) -> Outcome:
    queries, gallery = (
        found.side(asked.queries, queries=True), found.side(asked.gallery, queries=False)
    )  # fmt: skip
    kept = np.flatnonzero(queries.readable)
    if not len(kept):
        raise ConfigError(
            f"{task.name}: no query can be read.", remedy="Unpack the pictures it asks."
        )
    judgeable = asking(asked, kept.tolist())
    ranking = search(
        judgeable, queries.values[kept], gallery.values, plan.search,
        present=gallery.readable, normalised=parts.embedder.normalised,
    )  # fmt: skip
    judged = judge(judgeable, ranking)
    table = table_of(dataset, protocol, task)
    table = replace(table, measures=plan.measures or table.measures)
    return Outcome(
        protocol=protocol,
        task=judgeable,
        judged=tuple(judged),
        summary=summarise([one.found for one in judged], table.measures, seed=plan.seed),
        similarity=_similarity(queries.values[kept], gallery.values, judged),
        by_class=_by_class(judgeable, judged, table),
        asked_of=len(task.queries),
        unanswerable=len(task.unanswerable),
        unreadable=len(asked.queries) - len(kept),
        absent=int((~gallery.readable).sum()),
        checksum=_checksum(asked, (*queries.hashes, *gallery.hashes)),
    )


def _similarity(queries: FloatArray, gallery: FloatArray, judged: Sequence[Judged]) -> float:
    """Mean cosine of queries and their best hits, whatever the metric; 0 for no hit and for
    vectors of zeros."""
    at = np.array([one.first for one in judged])
    wide = queries.astype(np.float64), gallery[at].astype(np.float64)
    lengths = [np.linalg.norm(rows, axis=1) for rows in wide]
    products = np.einsum("qd,qd->q", *wide)
    cosines: npt.NDArray[np.float64] = np.divide(
        products, lengths[0] * lengths[1],
        out=np.zeros(len(at)), where=(at != NOBODY) & (lengths[0] * lengths[1] > 0),
    )  # fmt: skip
    return float(cosines.mean())


def _by_class(
    task: RetrievalTask, judged: Sequence[Judged], table: Table
) -> dict[str, tuple[float, ...]]:
    """Means by category, in alphabetical order; empty where the table does not ask for them."""
    if not table.by_class:
        return {}
    values = figures([one.found for one in judged], table.measures)
    names = np.array([picture.category or "" for picture in task.queries])
    return {
        str(name): tuple(values[names == name].mean(axis=0).tolist()) for name in np.unique(names)
    }


def _checksum(task: RetrievalTask, hashes: Sequence[str]) -> str:
    pictures = (*task.queries, *task.gallery)
    lines = [f"{p.id} {p.crop} {sha}\n" for p, sha in zip(pictures, hashes, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()

"""How an embedder is validated: queries, gallery, and the metrics of their ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ConfigError
from engine.types import FloatArray, IntArray
from offline.metrics.retrieval import Found, average_precision, instance_recall_at
from offline.store.cutouts import Cutouts
from offline.train.embedder.data import KEYS, EmbedderData
from offline.train.training_set import Sample


@dataclass(frozen=True)
class ValidationTask:
    """Positions in the cutouts, with a label each; ``own``: see ``retrieval``.

    ``augmented``: the queries are augmented, always alike; else they are as they were cut.
    """

    queries: IntArray
    query_labels: IntArray
    gallery: IntArray
    gallery_labels: IntArray
    own: IntArray | None
    augmented: bool
    description: str  # for the card


def validation_task(data: EmbedderData, cutouts: Cutouts) -> ValidationTask:
    """Every validation image among the others; where no two of them match, among those that are
    learned; where nothing is labelled, an augmented image among the plain ones.

    Raises ConfigError where nothing is left to validate on.
    """
    key = KEYS[data.relevant_by]
    validation = [sample for sample in data.validation if key(sample.image) is not None]
    rows = np.array(cutouts.positions(validation), np.int64)
    names = [str(key(sample.image)) for sample in validation]
    what = data.relevant_by
    if what == "self" and len(validation) > 1:
        at = np.arange(len(rows))
        description = f"each of {len(rows)} validation images, augmented, among all of them"
        return ValidationTask(rows, at, rows, at, None, True, description)
    if any(count > 1 for count in Counter(names).values()):
        labels = _numbered(names, names)
        description = f"each of {len(rows)} validation images among the others, relevant by {what}"
        return ValidationTask(rows, labels, rows, labels, np.arange(len(rows)), False, description)
    return _against_train(data, cutouts, rows, names)


def _against_train(
    data: EmbedderData, cutouts: Cutouts, rows: IntArray, names: Sequence[str]
) -> ValidationTask:
    key = KEYS[data.relevant_by]
    gallery: list[Sample] = [s for s in data.train if key(s.image) is not None]
    shown = [str(key(sample.image)) for sample in gallery]
    if not set(names) & set(shown):
        raise ConfigError(
            f"{len(names)} validation images: no two of them, and none with a learned image, "
            f"show the same {data.relevant_by}: nothing is left to validate on.",
            remedy="Give a validation split with views of one thing, or --hold-out product.",
        )
    description = (
        f"each of {len(rows)} validation images among {len(gallery)} training images, relevant by "
        f"{data.relevant_by}"
    )
    return ValidationTask(
        rows,
        _numbered(names, [*shown, *names]),
        np.array(cutouts.positions(gallery), np.int64),
        _numbered(shown, [*shown, *names]),
        None,
        False,
        description,
    )


def _numbered(names: Sequence[str], all_names: Sequence[str]) -> IntArray:
    at = {name: number for number, name in enumerate(dict.fromkeys(all_names))}
    return np.array([at[name] for name in names], np.int64)


@dataclass(frozen=True)
class Retrieval:
    """Means over the queries that something in the gallery answers."""

    mean_average_precision: float
    recall_at_1: float
    queries: int


def retrieval(
    queries: FloatArray,
    query_labels: IntArray,
    gallery: FloatArray,
    gallery_labels: IntArray,
    own: IntArray | None = None,
) -> Retrieval:
    """Rank the gallery (M, D) by inner product for every query (N, D); ties go to the first.

    ``own``: the position of every query's own image in the gallery, which is taken out of its
    ranking; None: no query is in it. Raises ValueError where no query has an answer.
    """
    precisions, recalls = [], []
    for at, (vector, label) in enumerate(zip(queries, query_labels.tolist(), strict=True)):
        order = np.argsort(-(gallery @ vector), kind="stable")
        if own is not None:
            order = order[order != own[at]]
        found = Found.of(gallery_labels[order] == label)
        if found.total:
            precisions.append(average_precision(found))
            recalls.append(instance_recall_at(found, 1))
    if not precisions:
        raise ValueError("no query has an answer in the gallery")
    return Retrieval(float(np.mean(precisions)), float(np.mean(recalls)), len(precisions))

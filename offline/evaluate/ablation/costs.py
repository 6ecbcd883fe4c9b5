"""What an adaptation, and each of its parts alone, costs a query and a gallery."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from engine.fusion import Fusion
from engine.galleries import open_gallery
from engine.types import Description
from offline.evaluate.ablation.variants import Variant
from offline.evaluate.efficiency.measure import fill, gallery_size, open_scratch, scratch_folder
from offline.evaluate.task import DescribedTask
from offline.metrics.statistics import evenly
from stages.open_searcher import OpenSearcher

TIMED = 50  # queries, after one to warm up
PRODUCTS = 10  # a query


@dataclass(frozen=True)
class Cost:
    """``milliseconds``: median of a query once its photo is described but for its category: what
    classifies, routes, searches and reranks. Of processor time, which other load of the machine
    changes little. ``once``: bytes of the adaptation's arrays; ``image``: of the indexes, an
    image."""

    name: str
    milliseconds: float
    once: int
    image: float


def costs(task: DescribedTask, variants: Sequence[Variant]) -> list[Cost]:
    """Of the task as it is, and of the variants that adapt otherwise, in a gallery on disk, which
    lies in a temporary folder; empty where no variant does.

    Raises ConfigError where temporary files cannot be kept.
    """
    tried = [("as it is", task.adaptation)]
    tried += [(one.name, one.adaptation) for one in variants if one.adapts]
    if len(tried) == 1:
        return []
    queries = [task.queries[at] for at in evenly(len(task.queries), TIMED)]
    found = []
    with scratch_folder() as folder:
        fill(folder / "gallery", task.parts, task.gallery)
        for name, adaptation in tried:
            with open_gallery(folder / "gallery", write=True) as gallery:
                gallery.adapt_by(None if adaptation is None else gallery.adapt(adaptation))
            indexes = gallery_size(folder / "gallery", len(task.gallery)).indexes
            with open_scratch(folder / "gallery", task.settings) as opened:
                taken = [_seconds(opened, query) for query in (queries[0], *queries)][1:]
            ms, image = 1000 * median(taken), indexes / len(task.gallery)
            found.append(Cost(name, ms, array_bytes(adaptation), image))
    return found


def _seconds(opened: OpenSearcher, query: Description) -> float:
    searcher = opened.searcher
    classifier = searcher.describer.classifier
    start = time.process_time()
    if classifier.categories is None:  # it votes, which an adaptation changes
        classifier.classify([], query.embedding.vector[None])
    searcher.rank(query, PRODUCTS)
    return time.process_time() - start


def array_bytes(value: object) -> int:
    """Of all arrays in a value and the values it is made of, and of a fusion as it is kept."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    if isinstance(value, Fusion):
        return len(value.model_dump_json())
    if dataclasses.is_dataclass(value):
        return sum(array_bytes(getattr(value, one.name)) for one in dataclasses.fields(value))
    return 0

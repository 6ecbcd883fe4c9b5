"""Rankings measured: every metric by level (what counts as relevant) and by way of ranking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from engine.types import BoolArray, Float64Array, IntArray
from offline.datasets import DatasetImage
from offline.datasets.relevance import Label, by_category, by_family, by_product, clusters_of
from offline.evaluate.task import VectorTask
from offline.metrics.retrieval import Found, metric_values
from offline.metrics.statistics import bootstrap_columns
from offline.report.document import Figure, Group

# R@k of instance retrieval is top@k here.
METRICS = (
    "top@1",
    "top@5",
    "mAP",
    "MRR",
    "P@5",
    "P@10",
    "recall@5",
    "recall@10",
    "F1@10",
    "AP@10",
    "R-precision",
)
# From the strictest to the widest.
LABELS: dict[str, Label] = {"product": by_product, "family": by_family, "category": by_category}
OWN = "as asked"  # relevance that follows from no label, such as the buildings of Oxford
NO_LABEL = -1


@dataclass(frozen=True, eq=False)
class Level:
    """By what an image is relevant: its product, its family, its category, or the data set's own
    lists.

    ``totals``: how many relevant images each query has, unreadable ones among them.
    ``relevant(query)`` is a (G,) bool mask of the gallery: lists would not fit into memory where
    60,000 images are queries of each other.
    """

    name: str
    totals: tuple[int, ...]
    relevant: Callable[[int], BoolArray]

    @property
    def meaning(self) -> str:
        return "what the data set lists" if self.name == OWN else f"the same {self.name}"

    @property
    def answerable(self) -> list[int]:
        """Queries with a relevant image in the gallery."""
        return [at for at, total in enumerate(self.totals) if total]


def levels(task: VectorTask) -> list[Level]:
    """The task's own level first, then every other that its labels define and that some query
    has a relevant image at. What the protocol ignores is ignored at all of them."""
    own = own_level(task)
    labelled = [_labelled(task, name, label) for name, label in LABELS.items()]
    same = next((level for level in labelled if _same(own, level)), None)
    rest = [level for level in labelled if level is not same and level.answerable]
    return [same or own, *rest]


def own_level(described: VectorTask) -> Level:
    """Relevant is what the protocol lists."""
    task = described.task

    def relevant(query: int) -> BoolArray:
        found = np.zeros(len(task.gallery), np.bool_)
        found[list(task.relevance[query].relevant)] = True
        return found

    pairs = zip(task.relevance, described.absent, strict=True)
    return Level(OWN, tuple(len(one.relevant) + absent for one, absent in pairs), relevant)


def _labelled(described: VectorTask, name: str, label: Label) -> Level:
    task = described.task
    ids: dict[Hashable, int] = {}
    gallery, queries, unread = (
        _label_ids([label(image) for image in images], ids)
        for images in (task.gallery, task.queries, described.unread)
    )

    def relevant(query: int) -> BoolArray:
        found: BoolArray = (gallery == queries[query]) & (gallery != NO_LABEL)
        found[list(task.relevance[query].ignored)] = False
        return found

    there = Counter(gallery.tolist()) + Counter(unread.tolist())
    totals = []
    for query, answer in zip(queries.tolist(), task.relevance, strict=True):
        ignored = int((gallery[list(answer.ignored)] == query).sum())
        totals.append(0 if query == NO_LABEL else there[query] - ignored)
    return Level(name, tuple(totals), relevant)


def _label_ids(labels: Sequence[Hashable | None], ids: dict[Hashable, int]) -> IntArray:
    """(N,) integer label ids, NO_LABEL for missing; ``ids`` collects them."""
    found = [NO_LABEL if one is None else ids.setdefault(one, len(ids)) for one in labels]
    return np.array(found, np.int64)


def _same(own: Level, other: Level) -> bool:
    """Whether every query has the same relevant images at both."""
    return own.totals == other.totals and all(
        bool((own.relevant(query) == other.relevant(query)).all())
        for query in range(len(own.totals))
    )


@dataclass
class QueryValues:
    """Of a level's answerable queries, in their order, ranked in one way: ``values`` (Q, M) of
    the metrics, and the rank of the first relevant image, None where none is found."""

    rows: list[Float64Array] = field(default_factory=list)
    first_ranks: list[int | None] = field(default_factory=list)

    @property
    def values(self) -> Float64Array:
        return np.concatenate(self.rows)

    def add(self, found: Found, metrics: Sequence[str]) -> None:
        self.rows.append(metric_values([found], metrics))
        self.first_ranks.append(int(found.ranks[0]) if len(found.ranks) else None)


@dataclass(frozen=True)
class Measured:
    """``heads``: the first positions of every query's ranking, by way, for display."""

    by_level: Mapping[str, Mapping[str, QueryValues]]
    heads: Sequence[Mapping[str, IntArray]]

    def of(self, level: Level) -> Mapping[str, QueryValues]:
        """By way; empty where no query of the level has an answer."""
        return self.by_level[level.name]


def measure_rankings(
    task: VectorTask,
    levels: Sequence[Level],
    ways: Sequence[str],
    metrics: Sequence[str] = METRICS,
    *,
    head: int = 0,
) -> Measured:
    """Every query ranked in these ways and measured at every level.

    Rankings are measured one query after the other and not kept: those of 60,000 queries in as
    many images would be 30 GB. Raises ConfigError for an unknown metric.
    """
    kept: dict[str, dict[str, QueryValues]] = {level.name: {} for level in levels}
    heads = []
    for query, rankings in enumerate(task.rankings(ways)):
        heads.append({way: ranking.first(head) for way, ranking in rankings.items()})
        for level in levels:
            if not level.totals[query]:
                continue
            relevant = level.relevant(query)
            for way, ranking in rankings.items():
                found = ranking.found(relevant, level.totals[query])
                kept[level.name].setdefault(way, QueryValues()).add(found, metrics)
    return Measured(kept, heads)


def metric_group(
    name: str,
    images: Sequence[DatasetImage],
    values: Float64Array,
    *,
    metrics: Sequence[str] = METRICS,
    meaning: str = "",
    seed: int = 0,
) -> Group:
    """Means of ``values`` (Q, M) over the queries ``images`` with 95 % bootstrap intervals, all
    queries of a product resampled together, and a sample per query."""
    clusters = clusters_of(images)
    intervals = bootstrap_columns(values, seed=seed, clusters=clusters)
    return Group(
        name=name,
        figures=tuple(
            Figure(name=one, value=i.mean, low=i.low, high=i.high, samples=tuple(column))
            for one, i, column in zip(metrics, intervals, values.T.tolist(), strict=True)
        ),
        items=tuple(image.id for image in images),
        clusters=clusters,
        meaning=meaning,
    )

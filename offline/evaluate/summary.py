"""Figures of single queries to a row of a table: means with their intervals."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from engine.types import Float64Array
from offline.datasets import Picture
from offline.evaluate.measures import figures
from offline.metrics.retrieval import Found
from offline.metrics.statistics import Interval, bootstrap_columns


@dataclass(frozen=True, eq=False)
class Summary:
    """``names`` of the measures, their means over the queries with 95 % intervals, and the
    figures (Q, M) of every query, to compare two runs query by query."""

    names: tuple[str, ...]
    intervals: tuple[Interval, ...]
    figures: Float64Array

    def mean(self, name: str) -> float:
        return self.intervals[self.names.index(name)].mean


def summarise(
    answers: Sequence[Found],
    names: Sequence[str],
    *,
    seed: int = 0,
    clusters: Sequence[Hashable] | None = None,
) -> Summary:
    """Of queries that all have a relevant picture: see ``judging.answerable``. ``clusters``:
    queries that belong together, see ``bootstrap``.

    Raises ValueError without queries, ConfigError for an unknown measure.
    """
    values = figures(answers, names)
    intervals = bootstrap_columns(values, seed=seed, clusters=clusters)
    return Summary(tuple(names), tuple(intervals), values)


def clusters_of(pictures: Sequence[Picture]) -> tuple[str, ...]:
    """By product: photos of one are not independent, so intervals resample them together."""
    return tuple(picture.product or picture.id for picture in pictures)

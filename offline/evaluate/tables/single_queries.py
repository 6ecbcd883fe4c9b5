"""The eyeglass study's Table 1: a row a query and trunk."""

from __future__ import annotations

import numpy as np

from engine.types import Float64Array
from offline.datasets.relevance import clusters_of
from offline.evaluate.tables import trunks
from offline.evaluate.tables.answers import Answered, made
from offline.evaluate.tables.layout import Made, Request
from offline.metrics.statistics import evenly
from offline.report.document import Better, Group, System, Table
from offline.report.figures import averaged

# What is not better when it is higher.
BETTER: dict[str, Better] = {trunks.TIME: "lower", trunks.SIMILARITY: "neither"}


def make(request: Request) -> Made:
    """``request.shown`` queries, evenly spread over those that have an answer."""
    found = trunks.compared(request)
    places = evenly(len(found[0].result.queries), request.shown)
    times = trunks.feature_times(found, places, request)
    numbers = [_numbers(one, places, row) for one, row in zip(found, times, strict=True)]
    ids = [found[0].result.queries[place].id for place in places]
    rows = [
        _row(name, one.name, of_one[at])
        for at, name in enumerate(ids)
        for one, of_one in zip(found, numbers, strict=True)
    ]
    title = f"Table 1: {len(ids)} queries of {found[0].result.task.task.name}"
    table = Table(title=title, columns=("query", "trunk", *trunks.COLUMNS), rows=tuple(rows))
    systems = [
        _system(one, places, own, request.seed) for one, own in zip(found, numbers, strict=True)
    ]
    return made([table], found, systems)


def _numbers(trunk: Answered, places: list[int], times: Float64Array) -> Float64Array:
    """(places, columns)"""
    result = trunk.result
    columns = [times, result.similarities[places], *result.values[places].T]
    return np.stack(columns, axis=1)


def _row(query: str, trunk: str, numbers: Float64Array) -> tuple[str, ...]:
    return (query, trunk, f"{numbers[0]:.1f} ms", *(f"{value:.3f}" for value in numbers[1:]))


def _system(trunk: Answered, places: list[int], numbers: Float64Array, seed: int) -> System:
    shown = [trunk.result.queries[place] for place in places]
    clusters = clusters_of(shown)
    figures = [
        averaged(
            name,
            column.tolist(),
            seed=seed,
            better=BETTER.get(name, "higher"),
            unit="ms" if name == trunks.TIME else "",
            clusters=clusters,
        )
        for name, column in zip(trunks.COLUMNS, numbers.T, strict=True)
    ]
    group = Group(
        name="shown queries",
        figures=tuple(figures),
        items=tuple(query.id for query in shown),
        clusters=clusters,
    )
    return trunk.system([group], trunks.NOTES)

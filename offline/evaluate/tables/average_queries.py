"""The eyeglass study's Table 2: a row a trunk, averages over all queries that have an answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import Float64Array
from offline.datasets.relevance import clusters_of
from offline.evaluate.tables import trunks
from offline.evaluate.tables.answers import (
    Answered,
    interval_cell,
    made,
    query_figures,
    query_group,
)
from offline.evaluate.tables.layout import Made, Request
from offline.metrics.statistics import evenly
from offline.report.document import Figure, Group, System, Table
from offline.report.figures import averaged, percentile


def make(request: Request) -> Made:
    """Times are medians over ``request.timed`` queries, evenly spread."""
    found = trunks.compared(request)
    task = found[0].result.task.task
    places = evenly(len(task.queries), request.timed)
    times = trunks.feature_times(found, places, request)
    figures = [_figures(one, request.seed) for one in found]
    rows = [_row(*one) for one in zip(found, times, figures, strict=True)]
    table = Table(
        title=f"Table 2: average over {len(task.queries)} queries of {task.name}",
        columns=("average", "D", *trunks.COLUMNS),
        rows=tuple(rows),
        note=f"feature time: median of {len(places)}; others: mean (95 % bootstrap interval)",
    )
    systems = [
        _system(one, own, numbers, request.seed)
        for one, own, numbers in zip(found, times, figures, strict=True)
    ]
    return made([table], found, systems)


def _figures(trunk: Answered, seed: int) -> list[Figure]:
    """In the order of the columns, less the time."""
    result = trunk.result
    similar = averaged(
        trunks.SIMILARITY,
        result.similarities.tolist(),
        seed=seed,
        better="neither",
        clusters=clusters_of(result.queries),
    )
    return [similar, *query_figures(result, trunks.METRICS, seed)]


def _row(trunk: Answered, times: Float64Array, figures: Sequence[Figure]) -> tuple[str, ...]:
    means = map(interval_cell, figures)
    dimension = str(trunk.parts.embedder.dimension)
    return (trunk.name, dimension, f"{np.median(times):.1f} ms", *means)


def _system(trunk: Answered, times: Float64Array, figures: Sequence[Figure], seed: int) -> System:
    similar, *measured = figures
    timed = percentile(f"{trunks.TIME}, median", times.tolist(), 50, seed=seed)
    groups = (
        query_group("queries", trunk.result, [*measured, similar]),
        Group(name=trunks.TIME, figures=(timed,)),
    )
    return trunk.system(groups, trunks.NOTES)

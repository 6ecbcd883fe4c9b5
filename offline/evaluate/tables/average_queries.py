"""The eyeglass study's Table 2: a row a trunk, averages over all queries that have an answer."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from offline.evaluate.measured import averaged, evenly, percentile
from offline.evaluate.tables import trunks
from offline.evaluate.tables.answers import Answered, interval_cell, made, query_figures, query_ids
from offline.evaluate.tables.layout import Made, Request
from offline.metrics import bootstrap
from offline.report.document import Group, System, Table

Numbers = npt.NDArray[np.float64]


def make(request: Request) -> Made:
    """Times are medians over ``request.timed`` queries, evenly spread."""
    found = trunks.compared(request)
    task = found[0].outcome.task
    places = evenly(len(task.queries), request.timed)
    times = trunks.feature_times(found, places, request)
    pairs = list(zip(found, times, strict=True))
    table = Table(
        title=f"Table 2: average over {len(task.queries)} queries of {task.name}",
        columns=("average", "D", *trunks.COLUMNS),
        rows=tuple(_row(one, own, request) for one, own in pairs),
        note=f"feature time: median of {len(places)}; others: mean [95 % bootstrap interval]",
    )
    return made([table], found, [_system(one, own, request) for one, own in pairs])


def _row(trunk: Answered, times: Numbers, request: Request) -> tuple[str, ...]:
    outcome = trunk.outcome
    similar = bootstrap(outcome.similarities.tolist(), seed=request.seed)
    means = [interval_cell(found) for found in (similar, *outcome.summary.intervals)]
    dimension = str(trunk.parts.embedder.dimension)
    return (trunk.name, dimension, f"{np.median(times):.1f} ms", *means)


def _system(trunk: Answered, times: Numbers, request: Request) -> System:
    outcome, seed = trunk.outcome, request.seed
    similar = averaged(
        trunks.SIMILARITY, outcome.similarities.tolist(), seed=seed, better="neither"
    )
    figures = (*query_figures(outcome, trunks.MEASURES, seed), similar)
    timed = percentile(f"{trunks.TIME}, median", times.tolist(), 50, seed=seed)
    groups = (
        Group(name="queries", figures=figures, items=query_ids(outcome)),
        Group(name=trunks.TIME, figures=(timed,)),
    )
    return trunk.system(groups, trunks.NOTES)

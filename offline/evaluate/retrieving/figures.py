"""Standings to groups of figures: every measure by level, before and after rerank."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.evidence import Evidence
from offline.evaluate.retrieving.standings import Standing
from offline.metrics.statistics import bootstrap_columns, clusters_of
from offline.report.document import Figure, Group

# What an evaluator asks of any retrieval; R@k of instance retrieval is top@k here.
MEASURES = (
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


def group(
    name: str,
    evidence: Evidence,
    queries: Sequence[int],
    standing: Standing,
    *,
    measures: Sequence[str] = MEASURES,
    meaning: str = "",
    seed: int = 0,
) -> Group:
    """``standing`` is of ``queries``, by ``measures``: means with 95 % bootstrap intervals and a
    sample a query."""
    asked = [evidence.task.queries[query] for query in queries]
    clusters = clusters_of(asked)
    values = standing.figures
    intervals = bootstrap_columns(values, seed=seed, clusters=clusters)
    return Group(
        name=name,
        figures=tuple(
            Figure(name=one, value=i.mean, low=i.low, high=i.high, samples=tuple(column))
            for one, i, column in zip(measures, intervals, values.T.tolist(), strict=True)
        ),
        items=tuple(picture.id for picture in asked),
        clusters=clusters,
        meaning=meaning,
    )

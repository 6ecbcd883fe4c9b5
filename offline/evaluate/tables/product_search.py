"""The figures by which product search is reported: P@5, R@5, top-1 and top-5, a row a system.

On Stanford Online Products (Oh Song et al., CVPR 2016) every test picture is asked of all others.
"""

from __future__ import annotations

from offline.evaluate.tables.answers import (
    answered,
    interval_cell,
    made,
    opened,
    query_figures,
    query_group,
)
from offline.evaluate.tables.layout import Made, Request
from offline.report.document import Table

METRICS = {"P@5": "P@5", "recall@5": "R@5", "top@1": "top-1", "top@5": "top-5"}
NOTE = (
    "P@5: relevant ones among the first 5, over 5; R@5: the share of the relevant pictures among "
    "the first 5 (recall@5), not the R@5 of metric learning, which is top-5 here; top-k: the "
    "right product among the first k; (95 % bootstrap interval), a product's queries together"
)


def make(request: Request) -> Made:
    dataset, protocol = opened(request)
    found = [
        answered(variant, dataset, [protocol], list(METRICS), request)
        for variant in request.variants
    ]
    result = found[0].result
    figures = [query_figures(one.result, METRICS, request.seed) for one in found]
    table = Table(
        title=f"{len(result.queries)} queries of {result.task.task.name}",
        columns=("system", *METRICS.values()),
        rows=tuple(
            (one.name, *map(interval_cell, own)) for one, own in zip(found, figures, strict=True)
        ),
        note=NOTE,
    )
    systems = [
        one.system([query_group("queries", one.result, own)], [NOTE])
        for one, own in zip(found, figures, strict=True)
    ]
    return made([table], found, systems)

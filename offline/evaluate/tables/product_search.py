"""The figures by which product search is reported: P@5, R@5, top-1 and top-5, a row a system.

On Stanford Online Products (Oh Song et al., CVPR 2016) every test picture is asked of all others.
"""

from __future__ import annotations

from offline.evaluate.tables.answers import (
    answered,
    interval_cells,
    made,
    opened,
    query_figures,
    query_ids,
)
from offline.evaluate.tables.layout import Made, Request
from offline.report.document import Group, Table

MEASURES = {"P@5": "P@5", "recall@5": "R@5", "top@1": "top-1", "top@5": "top-5"}
NOTE = (
    "P@5: relevant ones among the first 5, over 5; R@5: the share of the relevant pictures among "
    "the first 5 (recall@5), not the R@5 of metric learning, which is top-5 here; top-k: the "
    "right product among the first k"
)


def make(request: Request) -> Made:
    dataset, protocol = opened(request)
    found = [
        answered(variant, dataset, [protocol], list(MEASURES), request)
        for variant in request.variants
    ]
    outcomes = [one.outcome for one in found]
    table = Table(
        title=f"{len(outcomes[0].task.queries)} queries of {outcomes[0].task.name}",
        columns=("system", *MEASURES.values()),
        rows=tuple(
            (one.name, *interval_cells(outcome))
            for one, outcome in zip(found, outcomes, strict=True)
        ),
        note=NOTE,
    )
    systems = [
        one.system(
            [
                Group(
                    name="queries",
                    figures=tuple(query_figures(outcome, MEASURES, request.seed)),
                    items=query_ids(outcome),
                )
            ],
            [NOTE],
        )
        for one, outcome in zip(found, outcomes, strict=True)
    ]
    return made([table], found, systems)

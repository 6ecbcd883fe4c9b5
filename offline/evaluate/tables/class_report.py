"""Table 1 of Waqas et al. (CMC 2023): precision, recall, F1 and support of each class.

Laid out as scikit-learn's ``classification_report``: a row for every class that is true or
predicted of some picture, then accuracy, macro and weighted average.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.evaluate.tables.classes import Classified, classified, made
from offline.evaluate.tables.layout import Made, Request
from offline.metrics.classification import CategoryMetrics, category_metrics, summary
from offline.report.document import Figure, Group, System, Table

COLUMNS = ("class", "precision", "recall", "f1-score", "support")
NOTE = (
    "what has nothing to divide by is 0; macro avg: mean over the classes of the table; weighted "
    "avg: weighted by support; accuracy: share of photos, which is the micro average of all three"
)


def make(request: Request) -> Made:
    """One table a system."""
    found = classified(request)
    tables = [table_of(one, several=len(found) > 1) for one in found]
    return made(tables, found, [_system(one, request.seed) for one in found])


def table_of(found: Classified, *, several: bool = False) -> Table:
    """``several``: its title says which system it is of."""
    rows = category_metrics(found.confusion)
    macro, weighted = averages(found)
    total = str(len(found.ids))
    of_class = [
        (name, *_cells([row.precision, row.recall, row.f1]), str(row.support))
        for name, row in zip(found.classes, rows, strict=True)
    ]
    title = f"Table 1: {found.described.task.name}"
    return Table(
        title=f"{title}, {found.name}" if several else title,
        columns=COLUMNS,
        rows=(
            *of_class,
            ("accuracy", "", "", *_cells([summary(found.confusion).accuracy]), total),
            ("macro avg", *_cells(macro), total),
            ("weighted avg", *_cells(weighted), total),
        ),
        note=NOTE,
    )


def averages(found: Classified) -> tuple[list[float], list[float]]:
    """(precision, recall, F1) as plain means over the classes of the table, also those without a
    photo, as scikit-learn has it; and weighted by their photos."""
    rows = category_metrics(found.confusion)
    macro = np.mean([[row.precision, row.recall, row.f1] for row in rows], axis=0)
    whole = summary(found.confusion)
    return macro.tolist(), [whole.weighted_precision, whole.weighted_recall, whole.weighted_f1]


def _cells(values: Sequence[float]) -> list[str]:
    return [f"{value:.3f}" for value in values]


def _system(found: Classified, seed: int) -> System:
    rows = category_metrics(found.confusion)
    overall = [
        Figure(name=f"{name} {column}", value=value)
        for name, means in zip(("macro avg", "weighted avg"), averages(found), strict=True)
        for column, value in zip(COLUMNS[1:4], means, strict=True)
    ]
    groups = [
        found.overall([found.accuracy(seed), *overall]),
        *(_group(name, row) for name, row in zip(found.classes, rows, strict=True)),
    ]
    return found.system(groups)


def _group(name: str, row: CategoryMetrics) -> Group:
    values = zip(COLUMNS[1:4], (row.precision, row.recall, row.f1), strict=True)
    support = Figure(name="support", value=row.support, better="neither", unit="pictures")
    figures = [Figure(name=column, value=value) for column, value in values]
    return Group(name=f"class {name}", figures=(*figures, support))

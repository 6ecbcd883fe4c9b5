"""Table 2 of Waqas et al. (CMC 2023): the accuracy of each class by equation 6, a column a system.

Equation 6 is (TP + TN) / all: of a class against all others. It flatters: with C classes an
average of a is a plain accuracy of 1 - (1 - a) C / 2, so the plain one stands below.
"""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.tables.classes import Classified, classified, made
from offline.evaluate.tables.layout import Made, Request
from offline.metrics.classification import category_metrics, summary
from offline.report.document import Figure, Group, System, Table

PLACES = 3
NOTE = (
    "accuracy of a class: (TP + TN) / all, equation 6; average and variance over the classes "
    "that have a photo (the population's variance: these are all classes, not a sample of them); "
    "plain accuracy: the share of photos whose likeliest class is the true one"
)


def make(request: Request) -> Made:
    found = classified(request)
    systems = [_system(one, request.seed) for one in found]
    return made([table_of(found)], found, systems)


def table_of(found: Sequence[Classified]) -> Table:
    """Of systems that classified the same pictures."""
    columns = [_accuracies(one) for one in found]
    overall = [summary(one.confusion) for one in found]
    rows = [
        *((name, *(_cell(column[name]) for column in columns)) for name in columns[0]),
        ("average", *(_cell(one.average_accuracy) for one in overall)),
        ("variance", *(f"{one.accuracy_variance:.2e}" for one in overall)),
        ("plain accuracy", *(_cell(one.accuracy) for one in overall)),
    ]
    return Table(
        title=f"Table 2: {found[0].described.task.name}",
        columns=("class", *(one.name for one in found)),
        rows=tuple(rows),
        note=NOTE,
    )


def _accuracies(found: Classified) -> dict[str, float]:
    """By class, of those that have a photo."""
    rows = zip(found.classes, category_metrics(found.confusion), strict=True)
    return {name: row.accuracy for name, row in rows if row.support}


def _cell(value: float) -> str:
    return f"{value:.{PLACES}f}"


def _system(found: Classified, seed: int) -> System:
    whole = summary(found.confusion)
    overall = (
        Figure(name="average accuracy", value=whole.average_accuracy),
        Figure(name="variance of accuracy", value=whole.accuracy_variance, better="lower"),
        found.accuracy(seed),
    )
    by_class = [Figure(name=name, value=value) for name, value in _accuracies(found).items()]
    return found.system(
        [
            found.overall(overall),
            Group(name="(TP + TN) / all by class", figures=tuple(by_class)),
        ]
    )

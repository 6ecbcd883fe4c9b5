"""Table 2 of Waqas et al. (CMC 2023): the accuracy of each class by equation 6, a column a system.

Equation 6 is (TP + TN) / all: of a class against all others. It flatters: with C classes an
average of a is a plain accuracy of 1 - (1 - a) C / 2, so the plain one stands below.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.classification_metrics import category_figures
from offline.evaluate.tables.classes import Classified, classified, made
from offline.evaluate.tables.layout import Made, Request
from offline.report.document import Figure, Group, System, Table

PLACES = 3
NOTE = (
    "accuracy of a class: (TP + TN) / all, equation 6; average and variance over the classes "
    "that have a photo (the population's variance: these are all classes, not a sample of them); "
    "a class of which there is no photo stands with –; "
    "plain accuracy: the share of photos whose likeliest class is the true one"
)


def make(request: Request) -> Made:
    found = classified(request)
    columns = [_accuracies(one) for one in found]
    names = sorted({name for column in columns for name in column})
    rows = [
        *((name, *(_cell(column.get(name)) for column in columns)) for name in names),
        ("average", *(f"{_average(column):.{PLACES}f}" for column in columns)),
        ("variance", *(f"{_variance(column):.2e}" for column in columns)),
        ("plain accuracy", *(_cell(one.accuracy(request.seed).value) for one in found)),
    ]
    table = Table(
        title=f"Table 2: {found[0].evidence.task.name}",
        columns=("class", *(one.name for one in found)),
        rows=tuple(rows),
        note=NOTE,
    )
    return made([table], found, [_system(one, request.seed) for one in found])


def _accuracies(found: Classified) -> dict[str, float]:
    """By class, of those that have a photo."""
    rows = zip(found.classes, category_figures(found.confusion), strict=True)
    return {name: row.accuracy for name, row in rows if row.support}


def _average(accuracies: dict[str, float]) -> float:
    return float(np.mean(list(accuracies.values())))


def _variance(accuracies: dict[str, float]) -> float:
    return float(np.var(list(accuracies.values())))


def _cell(value: float | None) -> str:
    return "–" if value is None else f"{value:.{PLACES}f}"


def _system(found: Classified, seed: int) -> System:
    accuracies = _accuracies(found)
    overall = (
        Figure(name="average accuracy", value=_average(accuracies)),
        Figure(name="variance of accuracy", value=_variance(accuracies), better="lower"),
        found.accuracy(seed),
    )
    by_class: Sequence[Figure] = [
        Figure(name=name, value=value) for name, value in accuracies.items()
    ]
    return found.system(
        [
            Group(name="all classes", figures=overall, items=found.ids),
            Group(name="(TP + TN) / all by class", figures=tuple(by_class)),
        ]
    )

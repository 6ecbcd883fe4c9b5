"""Markdown tables of measured masks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import attrgetter

import numpy as np
from support.tables import markdown

from mattes.measure import Measured
from offline.metrics.statistics import bootstrap

SEED = 20240  # of the bootstrap

Value = Callable[[Measured], float]

# Column of a table -> what of a measured image stands in it, and with how many digits.
COLUMNS: dict[str, tuple[Value, str]] = {
    "IoU": (attrgetter("whole.iou"), ".3f"),
    "MAE": (attrgetter("whole.mae"), ".4f"),
    "F 2 px": (attrgetter("whole.boundary_f"), ".3f"),
    "SAD": (attrgetter("whole.sad"), ".3f"),
    "MSE": (attrgetter("whole.mse"), ".4f"),
    "gradient": (attrgetter("whole.gradient"), ".3f"),
    "edge SAD": (attrgetter("edge.sad"), ".3f"),
    "edge MSE": (attrgetter("edge.mse"), ".4f"),
    "edge gradient": (attrgetter("edge.gradient"), ".3f"),
}
# What matting is judged by: the edge only, for it mends no wholesale error.
JUDGED = ("IoU", "F 2 px", "edge SAD", "edge MSE", "edge gradient")


def overall(measured: Sequence[Measured], rows: Sequence[str]) -> str:
    """A row each, means over images, and the median of the processor's seconds."""
    lines = []
    for row in rows:
        mine = of_row(measured, row)
        found = [
            f"{np.mean([value(one) for one in mine]):{spec}}" for value, spec in COLUMNS.values()
        ]
        seconds = float(np.median([one.seconds for one in mine]))
        lines.append([row, *found, f"{seconds:.3f}"])
    return markdown(["mask", *COLUMNS, "CPU s"], lines)


def by_category(measured: Sequence[Measured], rows: Sequence[str], column: str) -> str:
    """One metric: categories down, rows of the tables across, and the number of images."""
    value, spec = COLUMNS[column]
    lines = []
    for category in dict.fromkeys(one.category for one in measured):
        mine = [one for one in measured if one.category == category]
        found = [[value(one) for one in of_row(mine, row)] for row in rows]
        lines.append([category, str(len(found[0])), *(f"{np.mean(v):{spec}}" for v in found)])
    return markdown([f"{column} by category", "images", *rows], lines)


def gains(measured: Sequence[Measured], pairs: Sequence[tuple[str, str]]) -> str:
    """(before, after) rows: the mean difference image by image with its 95 % interval.

    Of IoU and F more is better, of all the others less.
    """
    lines = []
    for before, after in pairs:
        cells = [after]
        for column in JUDGED:
            value, spec = COLUMNS[column]
            both = zip(of_row(measured, before), of_row(measured, after), strict=True)
            found = bootstrap([value(two) - value(one) for one, two in both], seed=SEED)
            ends = f"[{found.low:+{spec}}, {found.high:+{spec}}]"
            cells.append(f"{found.mean:+{spec}} {ends}")
        lines.append(cells)
    return markdown(["change by", *JUDGED], lines)


def of_row(measured: Sequence[Measured], row: str) -> list[Measured]:
    """In the order of the images."""
    return [one for one in measured if one.row == row]

"""A heat map of counts: every cell shaded by its fraction of the row."""

from __future__ import annotations

from markupsafe import Markup

from offline.report.charts.svg import cell, drawing, fitted, line, rect, text, upward
from offline.report.document import Matrix

NUMBERED = 16  # columns; with more the cells are too small for digits
_SIDES = ((NUMBERED, 30.0), (40, 17.0), (10_000, 11.0))  # columns up to, side of a cell
_LETTERS, _LETTER = 20, 6.6


def matrix(chart: Matrix) -> Markup:
    """True names go down, predicted ones across; empty cells stay blank; "" without cells."""
    if not chart.rows or not chart.columns:
        return Markup("")
    count = len(chart.columns)
    side = next(side for most, side in _SIDES if count <= most)
    left = 30 + _LETTER * min(max(map(len, chart.rows)), _LETTERS)
    top = 26 + _LETTER * min(max(map(len, chart.columns)), _LETTERS)
    width, height = left + side * count, top + side * len(chart.rows)
    parts = _names(chart, left, top, side)
    parts += _cells(chart, left, top, side)
    parts.append(rect((left, top), side * count, side * len(chart.rows), "frame"))
    return drawing(width + 6, height + 6, chart.title, parts)


def _names(chart: Matrix, left: float, top: float, side: float) -> list[Markup]:
    middle = side / 2 + 4
    parts = [
        text((left - 6, top + side * place + middle), fitted(name, _LETTERS), "end", "label")
        for place, name in enumerate(chart.rows)
    ]
    parts += [
        upward((left + side * place + middle, top - 6), fitted(name, _LETTERS), "start", "label")
        for place, name in enumerate(chart.columns)
    ]
    wide, high = side * len(chart.columns), side * len(chart.rows)
    parts.append(text((left + wide / 2, 13), chart.column_axis, "middle", "name"))
    parts.append(upward((13, top + high / 2), chart.row_axis, "middle", "name"))
    return parts


def _cells(chart: Matrix, left: float, top: float, side: float) -> list[Markup]:
    parts = []
    for row, (name, counts) in enumerate(zip(chart.rows, chart.counts, strict=True)):
        total = sum(counts)
        parts.append(
            line((left, top + side * row), (left + side * len(counts), top + side * row), "grid")
        )
        for column, count in enumerate(counts):
            if not count or total <= 0:
                continue
            corner = (left + side * column, top + side * row)
            title = f"{name} → {chart.columns[column]}: {count:,} ({count / total:.1%} of the row)"
            parts.append(cell(corner, side, count / total, title))
            if len(chart.columns) <= NUMBERED:
                middle = (corner[0] + side / 2, corner[1] + side / 2 + 4)
                parts.append(text(middle, _short(count), "middle", "count"))
    return parts


def _short(count: int) -> str:
    return str(count) if count < 10_000 else f"{count / 1000:.0f}k"

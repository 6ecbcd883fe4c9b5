"""Curves with bands of their intervals: ROC, reliability, recall against effort."""

from __future__ import annotations

from itertools import pairwise

from markupsafe import Markup

from offline.report.charts.axes import HEIGHT, WIDTH, Frame, axes, frame, marks
from offline.report.charts.svg import Point, dot, line, picture, polygon, polyline, style
from offline.report.document import Lines, Series

Column = tuple[float | None, ...]
DOTTED = 24  # a curve of more points has no dots


def curves(chart: Lines) -> Markup:
    """Every series as a line that is broken where it has no value; "" without any point."""
    xs = [x for series in chart.series for x in series.xs]
    if not xs:
        return Markup("")
    ys = [
        y
        for series in chart.series
        for part in (series.ys, series.lows, series.highs)
        for y in part
        if y is not None
    ]
    view = frame([*xs, *(x for _, x in chart.marks)], ys)
    parts = axes(view, chart.x, chart.y)
    if chart.diagonal:
        low, high = max(view.x_low, view.y_low), min(view.x_high, view.y_high)
        parts.append(line(view.at(low, low), view.at(high, high), "diagonal"))
    for place, series in enumerate(chart.series):
        parts += _curve(view, series, style(place))
    return picture(WIDTH, HEIGHT, chart.title, [*parts, *marks(view, chart.marks)])


def _curve(view: Frame, series: Series, css: str) -> list[Markup]:
    parts = []
    if series.lows and series.highs:
        for run in _runs(series.lows, series.highs):
            above = _points(view, series.xs, series.highs, run)
            below = _points(view, series.xs, series.lows, run)
            parts.append(polygon([*above, *reversed(below)], f"band {css}"))
    for run in _runs(series.ys):
        points = _points(view, series.xs, series.ys, run)
        parts.append(polyline(points, f"curve {css}"))
        if len(points) == 1 or len(series.xs) <= DOTTED:
            parts += [dot(point, f"dot {css}") for point in points]
    return parts


def _points(view: Frame, xs: tuple[float, ...], ys: Column, run: slice) -> list[Point]:
    pairs = zip(xs[run], ys[run], strict=True)
    return [view.at(x, y) for x, y in pairs if y is not None]


def _runs(*columns: Column) -> list[slice]:
    """The stretches of positions where every column has a number."""
    whole = [all(y is not None for y in row) for row in zip(*columns, strict=True)]
    bounds = [p for p, (one, other) in enumerate(pairwise([False, *whole, False])) if one != other]
    return [slice(low, high) for low, high in zip(bounds[::2], bounds[1::2], strict=True)]

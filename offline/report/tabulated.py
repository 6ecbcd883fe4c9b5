"""The numbers behind a chart, as a table: for Markdown and for who cannot see the chart."""

from __future__ import annotations

from offline.report.document import Bars, Histogram, Lines, Matrix, Series, Table, Unit
from offline.report.numbers import ABSENT, bare, shown

Chart = Bars | Lines | Histogram | Matrix


def tabulated(chart: Chart) -> Table:
    """One row a label, an x, a bin or a true name."""
    if isinstance(chart, Bars):
        return _bars(chart)
    if isinstance(chart, Lines):
        return _lines(chart)
    return _histogram(chart) if isinstance(chart, Histogram) else _matrix(chart)


def value_at(series: Series, place: int, unit: Unit = "") -> str:
    """The value at a position of the series, with its interval where it has one."""
    text = shown(series.ys[place], unit)
    low = series.lows[place] if series.lows else None
    high = series.highs[place] if series.highs else None
    if low is None or high is None:
        return text
    return f"{text} ({shown(low, unit)} to {shown(high, unit)})"


def _bars(chart: Bars) -> Table:
    cells = _by_x(chart.series, chart.unit)
    rows = [
        (label, *(column.get(float(place), ABSENT) for column in cells))
        for place, label in enumerate(chart.labels)
    ]
    return Table(title=chart.title, columns=("", *_names(chart.series)), rows=tuple(rows))


def _lines(chart: Lines) -> Table:
    cells = _by_x(chart.series)
    xs = sorted({x for series in chart.series for x in series.xs})
    rows = [(bare(x), *(column.get(x, "") for column in cells)) for x in xs]
    return Table(title=chart.title, columns=(chart.x, *_names(chart.series)), rows=tuple(rows))


def _by_x(series: tuple[Series, ...], unit: Unit = "") -> list[dict[float, str]]:
    """A vertical part of a curve (an ROC's) has several values at one x: all are told."""
    columns: list[dict[float, str]] = []
    for one in series:
        column: dict[float, str] = {}
        for place, x in enumerate(one.xs):
            value = value_at(one, place, unit)
            column[x] = f"{column[x]}; {value}" if x in column else value
        columns.append(column)
    return columns


def _histogram(chart: Histogram) -> Table:
    bins = zip(chart.edges, chart.edges[1:], strict=False)
    columns = list(chart.counts.values())
    rows = [
        (f"{bare(low)} to {bare(high)}", *(f"{column[place]:,}" for column in columns))
        for place, (low, high) in enumerate(bins)
    ]
    return Table(title=chart.title, columns=(chart.x, *chart.counts), rows=tuple(rows))


def _matrix(chart: Matrix) -> Table:
    corner = " \\ ".join(filter(None, (chart.row_axis, chart.column_axis)))
    rows = [
        (name, *(f"{count:,}" for count in counts))
        for name, counts in zip(chart.rows, chart.counts, strict=True)
    ]
    return Table(title=chart.title, columns=(corner, *chart.columns), rows=tuple(rows))


def _names(series: tuple[Series, ...]) -> tuple[str, ...]:
    return tuple(one.name for one in series)

"""Tables: in Markdown, and of the values behind a chart where it cannot be drawn or seen."""

from __future__ import annotations

from collections.abc import Sequence

from offline.report.document import Bars, Histogram, Lines, Matrix, Series, Table, Unit
from offline.report.words import ABSENT, bare, shown

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
    """A vertical part of a curve (an ROC's) has several values at one x: all are shown."""
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


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table that can be pasted into a note.

    Columns are padded to their widest cell, the first left-aligned, the others right.
    """
    cells = [list(head), *[list(row) for row in rows]]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_row(cells[0], widths), "| " + " | ".join(rule) + " |"]
    return "\n".join([*lines, *(_row(row, widths) for row in cells[1:])])


def _row(row: Sequence[str], widths: Sequence[int]) -> str:
    first = row[0].ljust(widths[0])
    rest = [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
    return "| " + " | ".join([first, *rest]) + " |"

"""Horizontal bars with the whiskers of their intervals and their values in digits."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from offline.report.charts.svg import drawing, fitted, line, rect, style, text
from offline.report.document import Bars, Series
from offline.report.tables import value_at
from offline.report.words import shown

WIDTH = 440.0
A_DRAWING = 30  # labels: what is higher than a sheet of paper cannot be printed in one piece
_BAR, _GAP = 14.0, 9.0  # heights of a bar and between labels
_BESIDE, _DIGITS = 22, 66.0  # letters of a label that fit beside its bars; width of a value
_ABOVE = 52  # letters of a label that fit above them
_LETTER = 7.8  # its mean width at the size of type on a phone


@dataclass(frozen=True)
class _Layout:
    """``left`` .. ``right`` is where bars lie; labels stand above them or to their left."""

    left: float
    right: float
    above: bool
    low: float
    high: float

    def across(self, value: float) -> float:
        fraction = (value - self.low) / (self.high - self.low)
        return self.left + fraction * (self.right - self.left)


def bars(chart: Bars) -> Markup:
    """One drawing for every 30 labels, all to one scale; "" without labels."""
    layout = _layout(chart)
    starts = range(0, len(chart.labels), A_DRAWING)
    return Markup("").join(_drawing(chart, layout, start) for start in starts)


def _layout(chart: Bars) -> _Layout:
    longest = max(map(len, chart.labels), default=0)
    above = longest > _BESIDE and len(chart.labels) <= A_DRAWING
    left = 6.0 if above else 12 + _LETTER * min(longest, _BESIDE)
    values = [
        value
        for series in chart.series
        for part in (series.ys, series.lows, series.highs)
        for value in part
        if value is not None
    ]
    low, high = min([*values, 0.0]), max([*values, 0.0])
    if low == high:
        high = low + 1.0
    return _Layout(left, WIDTH - _DIGITS, above, low, high)


def _drawing(chart: Bars, layout: _Layout, start: int) -> Markup:
    parts: list[Markup] = []
    top = 4.0
    labels = chart.labels[start : start + A_DRAWING]
    for place, label in enumerate(labels, start=start):
        if layout.above:
            parts.append(text((layout.left, top + 12), fitted(label, _ABOVE), css="label"))
            top += 17
        else:
            middle = top + _BAR * len(chart.series) / 2 + 4
            words = fitted(label, _BESIDE)
            parts.append(text((layout.left - 7, middle), words, "end", "label"))
        for number, series in enumerate(chart.series):
            parts += _bar(chart, layout, series, number, place, top)
            top += _BAR
        top += _GAP
    zero = layout.across(0.0)
    parts.append(line((zero, 2), (zero, top - _GAP + 2), "axis"))
    return drawing(WIDTH, top, chart.title, parts)


def _bar(
    chart: Bars, layout: _Layout, series: Series, number: int, place: int, top: float
) -> list[Markup]:
    """``number`` is the series', ``place`` the label's."""
    position = next((n for n, x in enumerate(series.xs) if x == place), None)
    value = None if position is None else series.ys[position]
    if position is None or value is None:
        return [text((layout.across(0.0) + 5, top + 11), shown(None), css="value")]
    ends = sorted((layout.across(0.0), layout.across(value)))
    title = f"{series.name}: {chart.labels[place]}: {value_at(series, position, chart.unit)}"
    parts = [rect((ends[0], top + 1), ends[1] - ends[0], _BAR - 2, f"bar {style(number)}", title)]
    low = series.lows[position] if series.lows else None
    high = series.highs[position] if series.highs else None
    beyond = max(ends)
    if low is not None and high is not None:
        middle = top + _BAR / 2
        parts.append(line((layout.across(low), middle), (layout.across(high), middle), "whisker"))
        beyond = max(beyond, layout.across(high))
    digits = shown(value, chart.unit)
    return [*parts, text((beyond + 5, top + 11), digits, css="value")]

"""Charts with two number axes: curves with bands of their intervals, and histograms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from offline.report.charts.svg import (
    Anchor,
    Point,
    dot,
    drawing,
    fitted,
    line,
    polygon,
    polyline,
    style,
    text,
    upward,
)
from offline.report.document import Histogram, Lines, Series
from offline.report.words import bare

Column = tuple[float | None, ...]
DOTTED = 24  # a curve of more points has no dots

WIDTH, HEIGHT = 440.0, 290.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 426.0, 14.0, 238.0
_TICKS = 6
NAME_LETTERS = 36  # of an axis' name that fit beside it


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
    return drawing(WIDTH, HEIGHT, chart.title, [*parts, *marks(view, chart.marks)])


def _curve(view: Frame, series: Series, css: str) -> list[Markup]:
    parts = []
    if series.lows and series.highs:
        for run in _runs(series.lows, series.highs):
            above = _drawn_points(view, series.xs, series.highs, run)
            below = _drawn_points(view, series.xs, series.lows, run)
            parts.append(polygon([*above, *reversed(below)], f"band {css}"))
    for run in _runs(series.ys):
        points = _drawn_points(view, series.xs, series.ys, run)
        parts.append(polyline(points, f"curve {css}"))
        if len(points) == 1 or len(series.xs) <= DOTTED:
            parts += [dot(point, f"dot {css}") for point in points]
    return parts


def _drawn_points(view: Frame, xs: tuple[float, ...], ys: Column, run: slice) -> list[Point]:
    pairs = zip(xs[run], ys[run], strict=True)
    return [view.at(x, y) for x, y in pairs if y is not None]


def _runs(*columns: Column) -> list[slice]:
    """The stretches of positions where every column has a number."""
    whole = [all(y is not None for y in row) for row in zip(*columns, strict=True)]
    bounds = [p for p, (one, other) in enumerate(pairwise([False, *whole, False])) if one != other]
    return [slice(low, high) for low, high in zip(bounds[::2], bounds[1::2], strict=True)]


def histogram(chart: Histogram) -> Markup:
    """Steps, lightly filled; an empty population has none; "" where all are empty."""
    fractions = {name: _fractions(counts) for name, counts in chart.counts.items()}
    highest = max((max(one, default=0.0) for one in fractions.values()), default=0.0)
    if highest <= 0:
        return Markup("")
    view = Frame(chart.edges[0], chart.edges[-1], 0.0, highest * 1.05)
    parts = axes(view, chart.x, "fraction of each population" if len(fractions) > 1 else "fraction")
    for place, one in enumerate(fractions.values()):
        if sum(one) > 0:
            steps = _steps(view, chart.edges, one)
            parts.append(polygon(steps, f"band {style(place)}"))
            parts.append(polyline(steps, f"curve {style(place)}"))
    return drawing(WIDTH, HEIGHT, chart.title, [*parts, *marks(view, chart.marks)])


def _fractions(counts: tuple[int, ...]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _steps(view: Frame, edges: tuple[float, ...], fractions: list[float]) -> list[Point]:
    points = [view.at(edges[0], 0.0)]
    for low, high, fraction in zip(edges, edges[1:], fractions, strict=False):
        points += [view.at(low, fraction), view.at(high, fraction)]
    return [*points, view.at(edges[-1], 0.0)]


@dataclass(frozen=True)
class Frame:
    """What numbers lie at the frame's edges; ends that are equal are moved apart."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def at(self, x: float, y: float) -> Point:
        """In units of the drawing; numbers beyond the frame are drawn on its edge."""
        across = _fraction(x, self.x_low, self.x_high)
        up = _fraction(y, self.y_low, self.y_high)
        return LEFT + across * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)


def frame(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """Around all numbers; fractions get the whole of [0, 1]; counts and the like begin at 0."""
    return Frame(*_ends(xs, False), *_ends(ys, True))


def axes(view: Frame, x_name: str, y_name: str) -> list[Markup]:
    parts = []
    for y in ticks(view.y_low, view.y_high):
        left, right = view.at(view.x_low, y), view.at(view.x_high, y)
        parts.append(line(left, right, "grid"))
        parts.append(text((LEFT - 7, left[1] + 4), bare(y), "end", "tick"))
    for x in ticks(view.x_low, view.x_high):
        place, _ = view.at(x, view.y_low)
        parts.append(line((place, BOTTOM), (place, BOTTOM + 4), "axis"))
        parts.append(text((place, BOTTOM + 18), bare(x), "middle", "tick"))
    parts.append(line((LEFT, BOTTOM), (RIGHT, BOTTOM), "axis"))
    name = fitted(x_name, NAME_LETTERS)
    parts.append(text(((LEFT + RIGHT) / 2, BOTTOM + 42), name, "middle", "name"))
    parts.append(upward((13, (TOP + BOTTOM) / 2), fitted(y_name, NAME_LETTERS), "middle", "name"))
    return parts


def marks(view: Frame, named: Sequence[tuple[str, float]]) -> list[Markup]:
    """Vertical lines with their names, each on a height of its own."""
    parts = []
    for place, (name, x) in enumerate(named):
        across, _ = view.at(x, view.y_low)
        beyond_middle = across > (LEFT + RIGHT) / 2
        words = across - 4 if beyond_middle else across + 4
        height = TOP + 11 + 15 * (place % 6)
        parts.append(line((across, TOP), (across, BOTTOM), "mark"))
        anchor: Anchor = "end" if beyond_middle else "start"
        parts.append(text((words, height), fitted(name, 30), anchor, "marked"))
    return parts


def ticks(low: float, high: float, count: int = _TICKS) -> list[float]:
    """About ``count`` round numbers in [low, high], ascending.

    Paul Heckbert: Nice Numbers for Graph Labels, Graphics Gems, 1990.
    """
    rough = (high - low) / max(count - 1, 1)
    if not (rough > 0 and math.isfinite(rough)):
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * next((nice for nice in (1, 2, 5) if rough <= nice * power * 1.0001), 10)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [number * step for number in range(first, last + 1)]


def _ends(values: Sequence[float], from_zero: bool) -> tuple[float, float]:
    if not values:
        return 0.0, 1.0
    low, high = min(values), max(values)
    if low >= 0 and 0.3 < high <= 1 and (from_zero or low < 0.7):
        return 0.0, 1.0
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0) * 1.05
    if not high - low > 0:
        return low - 0.5, high + 0.5
    return low, high


def _fraction(value: float, low: float, high: float) -> float:
    fraction = (value - low) / (high - low)
    return min(1.0, max(0.0, fraction)) if math.isfinite(fraction) else 0.5

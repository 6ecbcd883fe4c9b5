"""The frame of a chart with two number axes: scales, ticks, grid, names and marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from offline.report.charts.svg import Anchor, Point, fitted, line, text, upward
from offline.report.numbers import bare

WIDTH, HEIGHT = 440.0, 290.0
LEFT, RIGHT, TOP, BOTTOM = 54.0, 426.0, 14.0, 238.0
_TICKS = 6
NAME_LETTERS = 36  # of an axis' name that fit beside it


@dataclass(frozen=True)
class Frame:
    """What numbers lie at the frame's edges; ends that are equal are moved apart."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float

    def at(self, x: float, y: float) -> Point:
        """In units of the drawing; numbers beyond the frame are drawn on its edge."""
        across = _share(x, self.x_low, self.x_high)
        up = _share(y, self.y_low, self.y_high)
        return LEFT + across * (RIGHT - LEFT), BOTTOM - up * (BOTTOM - TOP)


def frame(xs: Sequence[float], ys: Sequence[float]) -> Frame:
    """Around all numbers; shares get the whole of [0, 1]; counts and the like begin at 0."""
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


def _share(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low)
    return min(1.0, max(0.0, share)) if math.isfinite(share) else 0.5

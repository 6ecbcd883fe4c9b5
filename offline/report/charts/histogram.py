"""Distributions of several populations over the same bins, each as shares of its own size."""

from __future__ import annotations

from markupsafe import Markup

from offline.report.charts.axes import HEIGHT, WIDTH, Frame, axes, marks
from offline.report.charts.svg import Point, picture, polygon, polyline, style
from offline.report.document import Histogram


def histogram(chart: Histogram) -> Markup:
    """Steps with a light ground; an empty population has none; "" where all are empty."""
    shares = {name: _shares(counts) for name, counts in chart.counts.items()}
    highest = max((max(one, default=0.0) for one in shares.values()), default=0.0)
    if highest <= 0:
        return Markup("")
    view = Frame(chart.edges[0], chart.edges[-1], 0.0, highest * 1.05)
    parts = axes(view, chart.x, "share of each population" if len(shares) > 1 else "share")
    for place, one in enumerate(shares.values()):
        if sum(one) > 0:
            steps = _steps(view, chart.edges, one)
            parts.append(polygon(steps, f"band {style(place)}"))
            parts.append(polyline(steps, f"curve {style(place)}"))
    return picture(WIDTH, HEIGHT, chart.title, [*parts, *marks(view, chart.marks)])


def _shares(counts: tuple[int, ...]) -> list[float]:
    total = sum(counts)
    return [count / total if total else 0.0 for count in counts]


def _steps(view: Frame, edges: tuple[float, ...], shares: list[float]) -> list[Point]:
    points = [view.at(edges[0], 0.0)]
    for low, high, share in zip(edges, edges[1:], shares, strict=False):
        points += [view.at(low, share), view.at(high, share)]
    return [*points, view.at(edges[-1], 0.0)]

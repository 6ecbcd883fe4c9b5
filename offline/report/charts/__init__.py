"""Charts as inline SVG: no script, colours from the page's CSS."""

from __future__ import annotations

from markupsafe import Markup

from offline.report.charts.axes import curves, histogram
from offline.report.charts.bars import bars
from offline.report.charts.matrix import matrix
from offline.report.document import Bars, Histogram, Lines, Matrix


def drawn(chart: Bars | Lines | Histogram | Matrix) -> Markup:
    """One or more SVG elements; "" for a chart without anything to draw."""
    if isinstance(chart, Bars):
        return bars(chart)
    if isinstance(chart, Lines):
        return curves(chart)
    return histogram(chart) if isinstance(chart, Histogram) else matrix(chart)

"""A report as one HTML file that holds all it shows and loads nothing from the network."""

from __future__ import annotations

from functools import cache

import jinja2

from engine.pages import environment, jpeg_uri, presentable
from offline.report.charts import drawn
from offline.report.charts.axes import NAME_LETTERS
from offline.report.charts.svg import style
from offline.report.document import (
    Block,
    Figure,
    Histogram,
    Matrix,
    Report,
    StageName,
    Table,
)
from offline.report.overview import FAMILY_FIGURES, Line, families, headlines, lines
from offline.report.tables import tabulated
from offline.report.words import (
    AGAIN,
    ARROWS,
    MEANINGS,
    SIDE_BY_SIDE,
    STAGES,
    TOGETHER,
    interval,
    shown,
)

# What takes the whole width of the page: columns of a table, of a matrix; cards and text do too.
_WIDE_TABLE, _WIDE_MATRIX = 4, 16
_WIDE_KINDS = frozenset({"text", "cards"})


def html_text(report: Report) -> str:
    """The page: no script, no link to elsewhere; equal reports give equal pages."""
    page = (
        _environment()
        .get_template("report.html")
        .render(
            report=report,
            headlines=headlines(report),
            by_stage=_by_stage(lines(report)),
            stages=STAGES,
            arrows=ARROWS,
            meanings=MEANINGS,
            again=AGAIN,
            side_by_side=SIDE_BY_SIDE,
            together=TOGETHER,
            family_figures=FAMILY_FIGURES,
            name_letters=NAME_LETTERS,
        )
    )
    return presentable(page)


def _by_stage(rows: tuple[Line, ...]) -> dict[StageName, tuple[list[Line], list[Line]]]:
    """The lines of each stage: of the group that it begins with, and the others."""
    stages: dict[StageName, tuple[list[Line], list[Line]]] = {}
    for row in rows:
        first, rest = stages.setdefault(row.place.stage, ([], []))
        begins = not first or first[0].place.group == row.place.group
        (first if begins else rest).append(row)
    return stages


@cache
def _environment() -> jinja2.Environment:
    templates = environment("offline.report")
    templates.filters |= {
        "data_uri": jpeg_uri,
        "drawn": drawn,
        "families": families,
        "interval": interval,
        "legend": _legend,
        "shown": shown,
        "span": _span,
        "style": style,
        "tabulated": tabulated,
        "wide": _wide,
    }
    return templates


def _wide(block: Block) -> bool:
    if isinstance(block, Table):
        return len(block.columns) > _WIDE_TABLE
    if isinstance(block, Matrix):
        return len(block.columns) > _WIDE_MATRIX
    return block.kind in _WIDE_KINDS


def _legend(block: Block) -> tuple[str, ...]:
    """Names of the series in the order of their styles; none for a single series."""
    if isinstance(block, Histogram):
        names = tuple(block.counts)
    else:
        names = tuple(series.name for series in getattr(block, "series", ()))
    return names if len(names) > 1 else ()


def _span(figure: Figure) -> tuple[float, float, float] | None:
    """Percent of a bar from 0 to 1: where the interval begins, how long it is, where the value
    lies; None for what is not a fraction."""
    value = figure.value
    if value is None or figure.unit or not 0 <= value <= 1:
        return None
    low = value if figure.low is None else max(figure.low, 0.0)
    high = value if figure.high is None else min(figure.high, 1.0)
    return 100 * low, 100 * max(high - low, 0.0), 100 * value

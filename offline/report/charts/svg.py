"""The few SVG elements that charts are made of; every text in them is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from markupsafe import Markup, escape

Anchor = Literal["start", "middle", "end"]
Point = tuple[float, float]
ELLIPSIS = "…"
_LARGEST = 1.25
STYLES = 6  # of series: a colour and a dash each, see report.css


def style(place: int) -> str:
    """The class of the ``place``-th series; the seventh looks like the first."""
    return f"s{place % STYLES}"


def drawing(width: float, height: float, title: str, parts: Iterable[str]) -> Markup:
    """A whole drawing, scaled to the width that the page gives it, but not beyond ``_LARGEST``."""
    inside = Markup("").join(map(Markup, parts))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" style="max-width:{}px" role="img">'
        "<title>{}</title>{}</svg>"
    ).format(_number(width), _number(height), round(width * _LARGEST), title, inside)


def line(start: Point, end: Point, css: str) -> Markup:
    numbers = map(_number, (*start, *end))
    return Markup('<line x1="{}" y1="{}" x2="{}" y2="{}" class="{}"/>').format(*numbers, css)


def rect(corner: Point, width: float, height: float, css: str, title: str = "") -> Markup:
    """``title`` is shown where the mouse rests."""
    numbers = map(_number, (*corner, max(width, 0.0), max(height, 0.0)))
    inside = Markup("<title>{}</title>").format(title) if title else Markup("")
    return Markup('<rect x="{}" y="{}" width="{}" height="{}" class="{}">{}</rect>').format(
        *numbers, css, inside
    )


def cell(corner: Point, side: float, opacity: float, title: str) -> Markup:
    """A square of a heat map."""
    x, y, size = map(_number, (*corner, side))
    return Markup(
        '<rect x="{}" y="{}" width="{}" height="{}" class="heat" fill-opacity="{}">'
        "<title>{}</title></rect>"
    ).format(x, y, size, size, f"{opacity:.3g}", title)


def polyline(points: Sequence[Point], css: str) -> Markup:
    return Markup('<polyline points="{}" class="{}"/>').format(_points(points), css)


def polygon(points: Sequence[Point], css: str) -> Markup:
    return Markup('<polygon points="{}" class="{}"/>').format(_points(points), css)


def dot(centre: Point, css: str) -> Markup:
    x, y = map(_number, centre)
    return Markup('<circle cx="{}" cy="{}" r="3" class="{}"/>').format(x, y, css)


def text(place: Point, words: str, anchor: Anchor = "start", css: str = "") -> Markup:
    x, y = map(_number, place)
    return Markup('<text x="{}" y="{}" text-anchor="{}" class="{}">{}</text>').format(
        x, y, anchor, css, escape(words)
    )


def upward(place: Point, words: str, anchor: Anchor = "start", css: str = "") -> Markup:
    """Text that is read from below to above."""
    x, y = map(_number, place)
    return Markup(
        '<text transform="translate({} {}) rotate(-90)" text-anchor="{}" class="{}">{}</text>'
    ).format(x, y, anchor, css, escape(words))


def fitted(words: str, letters: int) -> str:
    """At most ``letters`` of them; the whole stands in the table beside the chart."""
    flat = " ".join(words.split())
    return flat if len(flat) <= letters else flat[: letters - 1] + ELLIPSIS


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    """A tenth of a unit is less than a pixel."""
    return f"{value:.1f}".removesuffix(".0")

"""Documents as hypothesis makes them: any names, any finite numbers, empty things too."""

from __future__ import annotations

from hypothesis import strategies as st

from offline.report.document import (
    Bars,
    Block,
    Card,
    Cards,
    Figure,
    Group,
    Histogram,
    Lines,
    Matrix,
    Report,
    Section,
    Series,
    System,
    Table,
    Text,
    Thumbnail,
)
from tests.offline.report.made_report import provenance

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "\udcff\ud800.jpg",
    "a|b|c",
    "\"'&<>",
    "W" * 300,
    "العربية",
    "\u202edrow",
    "line\nbreak\x00\x1b",
    "`code` **bold** [a](b)",
    "",
)
names = st.sampled_from(HOSTILE) | st.text(max_size=12)
numbers = st.floats(-1e9, 1e9) | st.floats(0, 1) | st.sampled_from((0.0, 1.0, -0.0, 1e-12, 1e300))
gaps = st.none() | numbers
UNITS = ("", "ms", "s", "bytes", "images/s", "pictures", "px")
units = st.sampled_from(UNITS)
marks = st.lists(st.tuples(names, numbers), max_size=3).map(tuple)


@st.composite
def figures(draw: st.DrawFn, items: int) -> Figure:
    samples = st.lists(gaps, min_size=items, max_size=items).map(tuple)
    return Figure(
        name=draw(st.text(max_size=6)),
        value=draw(gaps),
        low=draw(gaps),
        high=draw(gaps),
        better=draw(st.sampled_from(("higher", "lower", "neither"))),
        unit=draw(units),
        samples=draw(st.none() | samples),
        why=draw(names) or "unknown",
    )


@st.composite
def groups(draw: st.DrawFn) -> Group:
    items = draw(st.lists(names, max_size=4).map(tuple))
    found = st.lists(figures(len(items)), max_size=3, unique_by=lambda figure: figure.name)
    return Group(name=draw(names), figures=tuple(draw(found)), items=items, meaning=draw(names))


@st.composite
def series(draw: st.DrawFn, xs: tuple[float, ...] | None = None) -> Series:
    places = draw(st.lists(numbers, max_size=5).map(tuple)) if xs is None else xs
    column = st.lists(gaps, min_size=len(places), max_size=len(places)).map(tuple)
    ends = st.just(()) | column
    return Series(name=draw(names), xs=places, ys=draw(column), lows=draw(ends), highs=draw(ends))


@st.composite
def bars(draw: st.DrawFn) -> Bars:
    labels = draw(st.lists(names, max_size=5).map(tuple))
    places = tuple(map(float, range(len(labels))))
    found = draw(st.lists(series(places), max_size=3).map(tuple))
    return Bars(title=draw(names), labels=labels, series=found, unit=draw(units), note=draw(names))


@st.composite
def histograms(draw: st.DrawFn) -> Histogram:
    edges = sorted(set(draw(st.lists(numbers, min_size=1, max_size=5))))
    counts = st.lists(st.integers(0, 10**9), min_size=len(edges) - 1, max_size=len(edges) - 1)
    return Histogram(
        title=draw(names),
        x=draw(names),
        edges=tuple(edges),
        marks=draw(marks),
        counts=draw(st.dictionaries(names, counts.map(tuple), max_size=3)),
    )


@st.composite
def tables(draw: st.DrawFn) -> Table:
    columns = draw(st.lists(names, min_size=1, max_size=4).map(tuple))
    row = st.lists(names, min_size=len(columns), max_size=len(columns)).map(tuple)
    rows = draw(st.lists(row, max_size=3).map(tuple))
    return Table(title=draw(names), columns=columns, rows=rows, note=draw(names))


@st.composite
def matrices(draw: st.DrawFn) -> Matrix:
    rows, columns = draw(st.tuples(*[st.lists(names, max_size=4).map(tuple)] * 2))
    row = st.lists(st.integers(0, 10**6), min_size=len(columns), max_size=len(columns)).map(tuple)
    counts = draw(st.lists(row, min_size=len(rows), max_size=len(rows)).map(tuple))
    return Matrix(
        title=draw(names),
        rows=rows,
        columns=columns,
        counts=counts,
        row_axis=draw(names),
        column_axis=draw(names),
    )


thumbnails = st.builds(
    Thumbnail, uri=names, label=names, jpeg=st.sampled_from((b"", b"\xff\xd8\xff\xd9"))
)
cards = st.builds(
    Card,
    title=names,
    pictures=st.lists(thumbnails, max_size=2).map(tuple),
    lines=st.lists(names, max_size=2).map(tuple),
)
many_lines = st.builds(
    Lines,
    title=names,
    x=names,
    y=names,
    series=st.lists(series(), max_size=3).map(tuple),
    diagonal=st.booleans(),
    marks=marks,
    note=names,
)
blocks: st.SearchStrategy[Block] = st.one_of(
    st.builds(Text, text=names),
    tables(),
    bars(),
    many_lines,
    histograms(),
    matrices(),
    st.builds(Cards, title=names, cards=st.lists(cards, max_size=2).map(tuple), note=names),
)


def _sections(stage: str) -> st.SearchStrategy[Section]:
    unique = st.lists(groups(), max_size=2, unique_by=lambda group: group.name)
    return st.builds(
        Section,
        stage=st.just(stage),
        groups=unique.map(tuple),
        blocks=st.lists(blocks, max_size=2).map(tuple),
        notes=st.lists(names, max_size=2).map(tuple),
    )


@st.composite
def systems(draw: st.DrawFn) -> System:
    stages = draw(st.lists(st.sampled_from(("segment", "retrieve", "no-match")), unique=True))
    words = st.dictionaries(names, names, max_size=2)
    return System(
        name=draw(names),
        fingerprint=draw(names),
        weights=draw(words),
        settings=draw(st.dictionaries(names, words, max_size=2)),
        sections=tuple(draw(_sections(stage)) for stage in stages),
    )


reports = st.builds(
    Report,
    title=names,
    provenance=st.builds(provenance, checksum=names),
    systems=st.lists(systems(), max_size=2, unique_by=lambda system: system.name).map(tuple),
    blocks=st.lists(blocks, max_size=1).map(tuple),
)

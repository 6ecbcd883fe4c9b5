"""The report of an evaluation as values: figures to compare and blocks to look at.

A report has one or more systems (a profile and its settings), a system a section for each stage
that was evaluated, a section groups of figures and blocks of evidence. All three forms of a
report (HTML, Markdown, JSON) show the same values, and ``compare`` reads the figures alone.
Thumbnails are left out of the JSON.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

StageName = Literal["segment", "classify", "retrieve", "no-match", "end-to-end", "efficiency"]
Better = Literal["higher", "lower", "neither"]
# "" is a fraction or another plain number.
Unit = Literal["", "ms", "s", "bytes", "images/s", "pictures", "categories", "px"]


def _without_nan(number: object) -> object:
    return None if isinstance(number, float) and math.isnan(number) else number


# A gap in a curve; NaN is read as one.
Gap = Annotated[float | None, BeforeValidator(_without_nan)]


class Value(BaseModel):
    """Refuses NaN and infinity, which JSON cannot hold."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Figure(Value):
    """One measured number: the mean over its group's items, or what their ``samples`` cannot be
    averaged to (a macro F1, an AUROC).

    ``value`` is None where it is not defined on this data, for the reason ``why``. ``low`` and
    ``high`` are the ends of its 95 % interval. ``samples``: one number an item of the group, None
    for an item that does not count; only where their mean is the value, so that two reports can
    be compared item by item.
    """

    name: str  # unique in its group, such as "R@1"
    value: float | None
    low: float | None = None
    high: float | None = None
    better: Better = "higher"
    unit: Unit = ""
    samples: tuple[float | None, ...] | None = None
    why: str = ""

    @model_validator(mode="after")
    def _finite(self) -> Self:
        numbers = (self.value, self.low, self.high, *(self.samples or ()))
        if not all(number is None or math.isfinite(number) for number in numbers):
            raise ValueError(f"{self.name}: a figure is a number or None, never NaN or infinite")
        if self.value is None and not self.why:
            raise ValueError(f"{self.name}: why it has no value is missing")
        return self


class Group(Value):
    """Figures over the same items, such as "queries / product / reranked".

    ``items``: ids of the images that ``samples`` are of; empty where no figure has samples.
    ``clusters``: aligned with the items, what each belongs to, such as its product, where items
    of one cluster are not independent and are resampled together; empty where all are.
    """

    name: str  # unique in its section
    figures: tuple[Figure, ...]
    items: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    meaning: str = ""  # a sentence for the reader

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        _refuse_doubles(f"{self.name}: two figures", [figure.name for figure in self.figures])
        for figure in self.figures:
            if figure.samples is not None and len(figure.samples) != len(self.items):
                raise ValueError(f"{self.name}: {figure.name} needs one sample an item")
        if self.clusters and len(self.clusters) != len(self.items):
            raise ValueError(f"{self.name}: {len(self.clusters)} clusters of other items")
        return self


class Text(Value):
    kind: Literal["text"] = "text"
    text: str  # plain; an empty line parts paragraphs


class Table(Value):
    """Cells as they are shown; the first column is left-aligned, the others right."""

    kind: Literal["table"] = "table"
    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        if any(len(row) != len(self.columns) for row in self.rows):
            raise ValueError(f"{self.title}: every row needs {len(self.columns)} cells")
        return self


class Series(Value):
    """``xs`` are numbers or labels' positions; ``lows`` and ``highs`` ends of intervals."""

    name: str
    xs: tuple[float, ...]
    ys: tuple[Gap, ...]
    lows: tuple[Gap, ...] = ()
    highs: tuple[Gap, ...] = ()

    @model_validator(mode="after")
    def _aligned(self) -> Self:
        lengths = {len(part) for part in (self.ys, self.lows or self.ys, self.highs or self.ys)}
        if lengths != {len(self.xs)}:
            raise ValueError(f"{self.name}: xs, ys, lows and highs differ in length")
        return self


class Bars(Value):
    """A bar for each label, grouped by series; ``xs`` of a series are 0, 1, 2, ...

    ``told``: the section has all these numbers in its groups or in a table, so the Markdown leaves
    them out here.
    """

    kind: Literal["bars"] = "bars"
    title: str
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    unit: Unit = ""
    note: str = ""
    told: bool = False

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        places = set(map(float, range(len(self.labels))))
        for series in self.series:
            if not places.issuperset(series.xs):
                raise ValueError(f"{self.title}: {series.name} has bars without a label")
        return self


class Lines(Value):
    """Curves; ``diagonal`` draws y = x, ``marks`` are labelled vertical lines."""

    kind: Literal["lines"] = "lines"
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    diagonal: bool = False
    marks: tuple[tuple[str, float], ...] = ()
    note: str = ""


class Histogram(Value):
    """Counts between edges, a series a population; each has one edge more than counts."""

    kind: Literal["histogram"] = "histogram"
    title: str
    x: str
    edges: tuple[float, ...]
    counts: Mapping[str, tuple[int, ...]]
    marks: tuple[tuple[str, float], ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _parted(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"{self.title}: edges must ascend")
        if any(len(counts) + 1 != len(self.edges) for counts in self.counts.values()):
            raise ValueError(f"{self.title}: one edge more than counts is needed")
        return self


class Matrix(Value):
    """Counts in a grid, coloured by their fraction of the row."""

    kind: Literal["matrix"] = "matrix"
    title: str
    rows: tuple[str, ...]  # names, such as true categories
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    row_axis: str = ""
    column_axis: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _rectangular(self) -> Self:
        if len(self.counts) != len(self.rows) or any(
            len(row) != len(self.columns) for row in self.counts
        ):
            raise ValueError(f"{self.title}: a count for every row and column is needed")
        return self


class Thumbnail(Value):
    """``jpeg``: the image itself, at most 256 px wide; not in the JSON."""

    uri: str
    label: str = ""
    jpeg: bytes = Field(default=b"", exclude=True, repr=False)


class Card(Value):
    """Some images side by side and what is to be seen in them."""

    title: str
    pictures: tuple[Thumbnail, ...]
    lines: tuple[str, ...] = ()


class Cards(Value):
    kind: Literal["cards"] = "cards"
    title: str
    cards: tuple[Card, ...]
    note: str = ""


Block = Annotated[
    Text | Table | Bars | Lines | Histogram | Matrix | Cards, Field(discriminator="kind")
]


class Section(Value):
    """One stage of one system. ``notes``: rules by which it was measured, what was left out."""

    stage: StageName
    groups: tuple[Group, ...]
    blocks: tuple[Block, ...] = ()
    notes: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_doubles(f"{self.stage}: two groups", [group.name for group in self.groups])
        return self


class System(Value):
    """What was evaluated: settings as of a profile, the fingerprint of its describing parts, the
    sha256 of every weights file by its reference, and what was fitted to the gallery, if anything
    was."""

    name: str  # unique in the report, such as "classic"
    fingerprint: str
    settings: Mapping[str, Mapping[str, object]]
    weights: Mapping[str, str]
    sections: tuple[Section, ...]
    adaptation: tuple[str, ...] = ()  # a sentence a part, taken or not

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        _refuse_doubles(f"{self.name}: two sections", [one.stage for one in self.sections])
        return self


class Provenance(Value):
    """Everything that it takes to make the report again."""

    command: str
    created: str  # ISO 8601, UTC
    versions: Mapping[str, str]  # packsight, python, numpy, onnxruntime, ...
    machine: Mapping[str, str]  # processor, cores, memory, platform
    dataset: str
    dataset_checksum: str  # of ids, boxes and contents of all images
    pictures: Mapping[str, int]  # by role: queries, gallery, masks, ...
    seed: int


class Report(Value):
    format_version: Literal[1] = 1
    title: str
    provenance: Provenance
    systems: tuple[System, ...]
    blocks: tuple[Block, ...] = ()  # of all systems together, such as a table with a row each

    @model_validator(mode="after")
    def _named(self) -> Self:
        _refuse_doubles("two systems", [system.name for system in self.systems])
        return self


def _refuse_doubles(what: str, names: Sequence[str]) -> None:
    if len(set(names)) != len(names):
        raise ValueError(f"{what} of one name in {list(names)}")

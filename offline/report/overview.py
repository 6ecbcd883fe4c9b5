"""A report in few numbers, and all its systems side by side."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from offline.report.document import Better, Figure, Group, Report, Section, StageName

FAMILY_FIGURES = 12  # columns of a table that can still be read
HEADLINE = 3  # figures of a section that stand at the head of a report


@dataclass(frozen=True)
class Place:
    """Where a figure stands in a system; two reports' figures of one place are compared."""

    stage: StageName
    group: str
    figure: str

    def __str__(self) -> str:
        return f"{self.stage} / {self.group} / {self.figure}"


@dataclass(frozen=True)
class Line:
    """One figure of all systems, aligned with ``Report.systems``; ``best`` are their positions."""

    place: Place
    figures: tuple[Figure | None, ...]
    better: Better
    best: frozenset[int]


@dataclass(frozen=True)
class Headline:
    """The first figures of a stage: ``lines`` of the group that its section begins with."""

    stage: StageName
    group: str
    lines: tuple[Line, ...]


def places(sections: tuple[Section, ...]) -> Iterator[tuple[Place, Group, Figure]]:
    """Every figure in the order of the report."""
    for section in sections:
        for group in section.groups:
            for figure in group.figures:
                yield Place(section.stage, group.name, figure.name), group, figure


def lines(report: Report) -> tuple[Line, ...]:
    """A line a figure that any system has; stages and figures in order of first appearance."""
    found = [
        {place: figure for place, _, figure in places(system.sections)} for system in report.systems
    ]
    stages = list(dict.fromkeys(place.stage for one in found for place in one))
    order = sorted(
        dict.fromkeys(p for one in found for p in one), key=lambda p: stages.index(p.stage)
    )
    return tuple(_line(place, tuple(one.get(place) for one in found)) for place in order)


def families(groups: tuple[Group, ...]) -> tuple[tuple[Group, ...], ...]:
    """Groups that follow each other and have the same figures: one table can hold them."""
    return tuple(
        tuple(members) for _, members in groupby(groups, lambda g: [f.name for f in g.figures])
    )


def headlines(report: Report) -> tuple[Headline, ...]:
    """For every stage the first figures of its first group, of all systems that have it."""
    chosen: dict[StageName, list[Line]] = {}
    for line in lines(report):
        rows = chosen.setdefault(line.place.stage, [])
        same = not rows or rows[0].place.group == line.place.group
        if same and len(rows) < HEADLINE:
            rows.append(line)
    return tuple(
        Headline(stage, rows[0].place.group, tuple(rows)) for stage, rows in chosen.items()
    )


def _line(place: Place, figures: tuple[Figure | None, ...]) -> Line:
    values = {
        position: figure.value
        for position, figure in enumerate(figures)
        if figure is not None and figure.value is not None
    }
    better = next(figure.better for figure in figures if figure is not None)
    if len(values) < 2 or better == "neither" or len(set(values.values())) == 1:
        return Line(place, figures, better, frozenset())
    top = (max if better == "higher" else min)(values.values())
    return Line(place, figures, better, frozenset(p for p, value in values.items() if value == top))

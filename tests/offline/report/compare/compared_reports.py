"""Reports of a few figures, to be compared."""

import numpy as np

from offline.report.compare.comparison import Comparison, Row
from offline.report.document import Better, Figure, Group, Report, Section, System, Unit
from tests.offline.report.made_report import report

ITEMS = tuple(f"query {number}" for number in range(50))


def sampled(name: str, samples: list[float | None], better: Better = "higher") -> Figure:
    given = [one for one in samples if one is not None]
    return Figure(name=name, value=float(np.mean(given)), samples=tuple(samples), better=better)


def ranged(
    name: str, value: float, half: float, unit: Unit = "", better: Better = "higher"
) -> Figure:
    return Figure(
        name=name, value=value, low=value - half, high=value + half, unit=unit, better=better
    )


def reported(
    *figures: Figure,
    name: str = "classic",
    items: tuple[str, ...] = ITEMS,
    clusters: tuple[str, ...] = (),
    checksum: str = "c" * 64,
    seed: int = 0,
) -> Report:
    used = items if any(figure.samples for figure in figures) else ()
    group = Group(name="product", figures=figures, items=used, clusters=clusters if used else ())
    section = Section(stage="retrieve", groups=(group,))
    one = System(name=name, fingerprint="f", settings={}, weights={}, sections=(section,))
    return report(one, checksum=checksum, seed=seed)


def row(found: Comparison, figure: str) -> Row:
    (one,) = [row for row in found.rows if row.figure == figure]
    return one

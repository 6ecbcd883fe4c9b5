"""A table as a report; the list of all tables."""

from __future__ import annotations

from offline.evaluate.provenance import provenance
from offline.evaluate.tables.layout import Made
from offline.evaluate.tables.registry import DATA, LAYOUTS, Layout
from offline.report.document import Report


def report_of(layout: Layout, made: Made, *, seed: int) -> Report:
    """The tables are blocks of all systems together; each system has its figures."""
    return Report(
        title=layout.title,
        provenance=provenance(made.dataset, made.checksum, made.pictures, seed=seed),
        systems=made.systems,
        blocks=made.tables,
    )


def listed() -> str:
    """All tables, with the data that each needs and the flags that it takes."""
    width = max(map(len, LAYOUTS))
    lines = []
    for name, layout in LAYOUTS.items():
        flags = ", ".join(f"--{flag}" for flag in sorted(layout.takes - {DATA}))
        several = "; several --data" if DATA in layout.takes else ""
        lines += [
            f"{name:{width}}  {layout.title}",
            f"{'':{width}}  of {layout.needs}; takes {flags}{several}",
        ]
    return "\n".join(lines)

"""A table as a report, and as it is printed."""

from __future__ import annotations

from collections.abc import Sequence

from offline.evaluate.provenance import provenance
from offline.evaluate.tables.layout import Made
from offline.evaluate.tables.registry import DATA, LAYOUTS, Layout
from offline.report.document import Report, Table
from offline.report.text import table_text


def report_of(layout: Layout, made: Made, *, seed: int) -> Report:
    """The tables are blocks of all systems together; each system has its figures."""
    return Report(
        title=layout.title,
        provenance=provenance(made.dataset, made.checksum, made.pictures, seed=seed),
        systems=made.systems,
        blocks=made.tables,
    )


def printed(made: Made) -> str:
    """The tables, then the rules by which they were made, each once."""
    notes = dict.fromkeys(
        note for system in made.systems for section in system.sections for note in section.notes
    )
    parts = [text for table in made.tables for text in _table(table)]
    told = [f"- {note}" for note in notes if note not in {table.note for table in made.tables}]
    return "\n\n".join([*parts, *(["\n".join(told)] if told else [])])


def _table(table: Table) -> Sequence[str]:
    found = [table.title, table_text(table.columns, table.rows), table.note]
    return [text for text in found if text]


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

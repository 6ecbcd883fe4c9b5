"""A report as Markdown: every figure and block of the page but the images."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence

from offline.report.document import (
    Bars,
    Block,
    Cards,
    Figure,
    Group,
    Lines,
    Matrix,
    Report,
    Section,
    System,
    Table,
    Text,
)
from offline.report.overview import FAMILY_FIGURES, Line, families, headlines, lines
from offline.report.tables import markdown, tabulated
from offline.report.words import AGAIN, ARROWS, SIDE_BY_SIDE, STAGES, TOGETHER, interval, shown

# More rows of a curve, or columns of a matrix, are of little use in text; the others have all.
CURVE_ROWS = 20
MATRIX_COLUMNS = 12
CONFUSIONS = 10

_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_MARKUP = re.compile(r"([\\`*_\[\]|#~])")


def markdown_text(report: Report) -> str:
    """Ends with a newline; names are escaped, so that they stay what they are."""
    parts = [f"# {escaped(report.title)}", *_head(report)]
    if len(report.systems) > 1:
        parts += [f"## {SIDE_BY_SIDE}", _side_by_side(report)]
    if report.blocks:
        parts += [f"## {TOGETHER}", *(part for block in report.blocks for part in _block(block))]
    for system in report.systems:
        parts += _system(system)
    parts += _again(report)
    # A file name that is not text arrives with lone surrogates, which no file can hold.
    text = "\n\n".join(part for part in parts if part) + "\n"
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def escaped(text: str) -> str:
    """On one line, and without meaning in Markdown and HTML."""
    return _MARKUP.sub(r"\\\1", html.escape(_SPACE.sub(" ", text).strip(), quote=False))


def table_text(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table of escaped cells."""
    return markdown(list(map(escaped, columns)), [list(map(escaped, row)) for row in rows])


def tables_text(report: Report) -> str:
    """What a command prints of a report: its tables and notes, each once."""
    blocks = [
        *report.blocks,
        *(b for s in report.systems for one in s.sections for b in one.blocks),
    ]
    tables = [block for block in blocks if isinstance(block, Table)]
    notes = [note for system in report.systems for one in system.sections for note in one.notes]
    kept = [note for note in dict.fromkeys(notes) if note not in {one.note for one in tables}]
    parts = [
        part
        for table in tables
        for part in (table.title, table_text(table.columns, table.rows), table.note)
    ]
    parts.append("\n".join(f"- {note}" for note in kept))
    return "\n\n".join(part for part in parts if part)


def _head(report: Report) -> list[str]:
    made = report.provenance
    pictures = ", ".join(f"{count:,} {role}" for role, count in made.pictures.items())
    names = [system.name for system in report.systems]
    rows = [
        (STAGES[headline.stage], f"{line.place.figure} ({headline.group})", *_values(line, ""))
        for headline in headlines(report)
        for line in headline.lines
    ]
    facts = f"Data: {escaped(made.dataset)} ({escaped(pictures)}). Made {escaped(made.created)}."
    return [facts, table_text(("stage", "figure", *names), rows) if rows else ""]


def _values(line: Line, best: str) -> Iterator[str]:
    """A cell a system; ``best`` marks the best of them."""
    for place, figure in enumerate(line.figures):
        if figure is None:
            yield ""
            continue
        text = _with_interval(figure)
        yield text + best if place in line.best else text


def _side_by_side(report: Report) -> str:
    rows = [(str(line.place), *_values(line, " ◂")) for line in lines(report)]
    names = [system.name for system in report.systems]
    return table_text(("figure (◂ the best)", *names), rows)


def _system(system: System) -> Iterator[str]:
    yield f"## {escaped(system.name)}"
    yield f"Fingerprint {escaped(system.fingerprint)}."
    for section in system.sections:
        yield f"### {STAGES[section.stage]}"
        yield from _section(section)


def _section(section: Section) -> Iterator[str]:
    for family in families(section.groups):
        if len(family) > 1 and len(family[0].figures) <= FAMILY_FIGURES:
            yield _family(family)
        else:
            for group in family:
                yield f"#### {escaped(group.name)}"
                yield escaped(group.meaning)
                yield _group(group)
    for block in section.blocks:
        yield from _block(block)
    yield "\n".join(f"- {escaped(note)}" for note in section.notes)


def _family(groups: Sequence[Group]) -> str:
    """Groups of the same figures in one table, a row each; what they mean below it."""
    heads = [f"{figure.name} {ARROWS[figure.better]}".strip() for figure in groups[0].figures]
    rows = [(group.name, *(_with_interval(figure) for figure in group.figures)) for group in groups]
    meanings = [
        f"- {escaped(group.name)}: {escaped(group.meaning)}" for group in groups if group.meaning
    ]
    table = table_text(("95 % intervals in brackets", *heads), rows)
    return "\n\n".join([table, "\n".join(meanings)] if meanings else [table])


def _with_interval(figure: Figure) -> str:
    ends = interval(figure)
    return shown(figure.value, figure.unit) + (f" ({ends})" if ends else "")


def _group(group: Group) -> str:
    rows = [
        (
            f"{figure.name} {ARROWS[figure.better]}".strip(),
            shown(figure.value, figure.unit),
            interval(figure) or (figure.why if figure.value is None else ""),
        )
        for figure in group.figures
    ]
    return table_text(("figure", "value", "95 % interval"), rows)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Text):
        yield from map(escaped, block.text.split("\n\n"))
        return
    if isinstance(block, Bars) and block.told:
        return
    yield f"#### {escaped(block.title)}"
    if isinstance(block, Cards):
        yield "\n".join(_card_lines(block))
    else:
        yield _shortened(block if isinstance(block, Table) else tabulated(block), block)
    yield escaped(block.note)


def _card_lines(block: Cards) -> Iterator[str]:
    for card in block.cards:
        labels = [picture.label or picture.uri for picture in card.pictures]
        yield "- " + escaped("; ".join([card.title, *labels, *card.lines]))


def _shortened(table: Table, block: Block) -> str:
    if isinstance(block, Matrix) and len(block.columns) > MATRIX_COLUMNS:
        return _confusions(block)
    rows = table.rows
    if isinstance(block, Lines) and len(rows) > CURVE_ROWS:
        last = len(rows) - 1
        rows = tuple(rows[place * last // (CURVE_ROWS - 1)] for place in range(CURVE_ROWS))
    return table_text(table.columns, rows)


def _confusions(block: Matrix) -> str:
    """The largest counts of unlike names; ties in the order of the matrix."""
    cells = [
        (count, row, column)
        for row, counts in zip(block.rows, block.counts, strict=True)
        for column, count in zip(block.columns, counts, strict=True)
        if count and row != column
    ]
    cells.sort(key=lambda cell: -cell[0])
    head = (block.row_axis or "row", block.column_axis or "column", "count")
    rows = [(row, column, f"{count:,}") for count, row, column in cells[:CONFUSIONS]]
    return table_text(head, rows)


def _again(report: Report) -> Iterator[str]:
    made = report.provenance
    yield f"## {AGAIN}"
    yield "\n".join(f"    {line}" for line in made.command.splitlines())
    rows = [("dataset", made.dataset), ("dataset checksum", made.dataset_checksum)]
    rows += [("seed", str(made.seed)), ("made", made.created)]
    rows += [(f"version of {name}", version) for name, version in made.versions.items()]
    rows += list(made.machine.items())
    for system in report.systems:
        rows += [(f"{system.name}: fingerprint", system.fingerprint)]
        rows += [(f"{system.name}: {name}", digest) for name, digest in system.weights.items()]
    yield table_text(("what", "value"), rows)

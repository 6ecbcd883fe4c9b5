"""Tables as people type them and spreadsheet programs save them: text with delimiters, workbooks.

Read are UTF-8, UTF-16 and UTF-32, and other code pages by a guess; commas, semicolons, tabs or
bars; a first line such as ``sep=;``; line ends of Unix, Windows and the old Mac; .xlsx workbooks.
What can be read is read; every cell or row that is not has a line with its place and the reason.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from charset_normalizer import from_bytes

from engine.errors import ConfigError
from engine.names import canonical
from offline.ingest.tables import Place, Row, read_bytes
from offline.ingest.workbooks import read_workbook

DELIMITERS = ",;\t|"
MAX_BYTES = 512 * 2**20  # of a table; a million rows hold about a third
CELL_SHOWN = 40  # characters of a cell in a note

_BOMS = (  # UTF-32's begins with UTF-16's
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# What spreadsheet programs save as: the code pages of Windows by language, and the Mac's.
_CODE_PAGES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "mac_roman"]
_EAST_ASIAN = ["cp932", "gb18030", "big5", "cp949"]  # two bytes a character
_GUESSED_FROM = 2**18  # bytes
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?', re.IGNORECASE)

Record = tuple[int, list[str]]  # number of the line or row, counted from 1, and its cells


@dataclass
class Sheet:
    """``lost`` holds what was not read, a line each; ``notes`` what was guessed."""

    rows: list[Row] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_sheet(file: Path, one_of: Sequence[str]) -> Sheet:
    """The rows of a table by its column names, which become lower case.

    Missing cells are empty; rows without any text are skipped. Raises ConfigError where the file
    cannot be read, is empty, or has none of the columns ``one_of``.
    """
    data = read_bytes(file, MAX_BYTES)
    sheet = Sheet()
    if data.startswith(b"PK\x03\x04"):
        records: Iterator[Record] = iter(read_workbook(file, data, sheet.notes))
        unit = "row"
    elif data.startswith(b"\xd0\xcf\x11\xe0"):
        raise ConfigError(
            f"{file}: a workbook of an old format, or one with a password.",
            remedy="Save it as .xlsx without a password, or as CSV.",
        )
    else:
        records = _records(file, decoded(file, data, sheet.notes), one_of, sheet.lost)
        unit = "line"
    number, names = next(records, (0, []))
    if not names:
        raise ConfigError(f"{file}: is empty.")
    header = _header(Place(file, f"{unit} {number}"), names, one_of, sheet.lost)
    for number, cells in records:
        if any(cell.strip() for cell in cells):
            sheet.rows.append(_row(Place(file, f"{unit} {number}"), header, cells, sheet.lost))
    return sheet


def _header(
    place: Place, names: Sequence[str], one_of: Sequence[str], lost: list[str]
) -> list[str]:
    """The column names; "" where a column cannot be named."""
    header: list[str] = []
    for name in (_column(name) for name in names):
        if name and name in header:
            lost.append(f"{place}: column {name!r} is there twice; the first is read")
            name = ""
        header.append(name)
    if not set(header) & set(one_of):
        raise place.fault(
            f"has no path; it has {', '.join(filter(None, header)) or 'no columns'}, "
            f"and needs one of {', '.join(one_of)}"
        )
    return header


def _column(name: str) -> str:
    return canonical(name.strip().strip("\ufeff").lower())


def _row(place: Place, header: Sequence[str], cells: Sequence[str], lost: list[str]) -> Row:
    surplus = [cell.strip() for cell in cells[len(header) :] if cell.strip()]
    if surplus:
        lost.append(
            f"{place}: {len(cells)} cells where the header has {len(header)}; not read: "
            f"{', '.join(surplus)[:CELL_SHOWN]!r}. Is a cell with a delimiter not in quotes?"
        )
    padded = [*cells, *[""] * len(header)]
    named = zip(header, padded, strict=False)
    return Row(place, {name: cell.strip() for name, cell in named if name})


def decoded(file: Path, data: bytes, notes: list[str]) -> str:
    """The text of a file in UTF-8, UTF-16 or UTF-32, or in a guessed code page, with a note.

    Raises ConfigError where it has the mark of an encoding and is not in it.
    """
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), None)
    if encoding is None and b"\0" in data[:4096]:
        # ASCII characters in UTF-16 are every second byte; the others are zero.
        head = data[:4096]
        little = head[1::2].count(0) > head[::2].count(0)
        encoding = "utf-16-le" if little else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8-sig")
    except UnicodeDecodeError as error:
        if encoding is not None:
            raise ConfigError(
                f"{file}: not {encoding.upper()} text (byte {error.start}).",
                remedy="Save it as UTF-8.",
            ) from error
    guess = _code_page(data[:_GUESSED_FROM])
    notes.append(f"{file}: not UTF-8; read as {guess}, by a guess (save it as UTF-8 to be sure)")
    return data.decode(guess, "replace")


def _code_page(data: bytes) -> str:
    # A letter with an accent stands among others, characters of two bytes side by side.
    paired = re.search(rb"[\x80-\xff]{2}", data) is not None
    pages = [*_CODE_PAGES, *(_EAST_ASIAN if paired else [])]
    found = [match.encoding for match in from_bytes(data, cp_isolation=pages)]
    if not found:
        return "cp1252"
    if found[0] != "cp1250":
        return found[0]
    # Short texts in Western languages fit both; the Western page is the commoner one.
    western = data.decode("cp1252", "replace")
    alike = western == data.decode("cp1250", "replace")
    return "cp1252" if alike or "cp1252" in found else "cp1250"


def _records(file: Path, text: str, one_of: Sequence[str], lost: list[str]) -> Iterator[Record]:
    """The records of a text with delimiters, the header first."""
    # splitlines() would break at form feeds and U+2028 as well, which cells may hold.
    lines = re.findall(r"[^\r\n]*(?:\r\n|\n|\r)|[^\r\n]+", text)
    at = next((number for number, line in enumerate(lines) if line.strip()), len(lines))
    if at == len(lines):
        return
    declared = _SEPARATOR_LINE.fullmatch(lines[at].rstrip("\r\n"))
    if declared:
        delimiter = declared[1]
        at += 1
    else:
        delimiter = _delimiter(lines, at, one_of)
    while at < len(lines):
        cells, used = _record(lines, at, delimiter)
        if cells is None:
            lost.append(f"{file}: line {at + 1}: not read: a quote is not closed")
        elif any(cell.strip() for cell in cells):
            yield at + 1, cells
        at += used


def _delimiter(lines: Sequence[str], at: int, one_of: Sequence[str]) -> str:
    """The header decides, outside of its quotes: cells below it may hold any of these in prose."""

    def fitness(delimiter: str) -> tuple[bool, int]:
        cells = _record(lines, at, delimiter)[0] or []
        return any(_column(cell) in one_of for cell in cells), len(cells)

    return max(DELIMITERS, key=fitness)


def _record(lines: Sequence[str], at: int, delimiter: str) -> tuple[list[str] | None, int]:
    """The cells of the record that begins at this line, and how many lines it takes.

    None for the cells where a quote is opened that is not closed as quotes are: the lines after
    it are not its own then.
    """
    if '"' not in lines[at]:
        return lines[at].rstrip("\r\n").split(delimiter), 1
    rest = (lines[number] for number in range(at, len(lines)))
    reader = csv.reader(rest, delimiter=delimiter, strict=True)
    try:
        return next(reader), reader.line_num
    except csv.Error:
        pass
    # A sound line with text after a quote ("12" wide) is read; an open quote goes on below.
    lenient = csv.reader([lines[at], "next line"], delimiter=delimiter)
    try:
        cells = next(lenient)
    except csv.Error:
        return None, 1
    return (cells, 1) if lenient.line_num == 1 else (None, 1)

"""Lists and tables in files: rows with their places, and paths that stay inside a folder.

Line ends of Unix and Windows are read alike, and a byte order mark is dropped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file, for errors: "line 12", counted from 1, or "imlist[3]"."""

    file: Path
    spot: str

    def fault(self, reason: str, remedy: str = "") -> ConfigError:
        return ConfigError(f"{self}: {reason}.", remedy=remedy)

    def __str__(self) -> str:
        return f"{self.file}: {self.spot}"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table: a cell for every named column, stripped of blanks."""

    place: Place
    cells: dict[str, str]

    def text(self, column: str) -> str:
        """The cell, which must not be empty."""
        if not self.cells[column]:
            raise self.place.fault(f"{column} is empty")
        return self.cells[column]

    def chosen(self, column: str, valid: Sequence[str]) -> str:
        """The cell, which must be one of these words."""
        if self.cells[column] not in valid:
            raise self.place.fault(
                f"{column} is {self.cells[column]!r}", f"Valid: {', '.join(valid)}."
            )
        return self.cells[column]


def read_bytes(file: Path, limit: int | None = None) -> bytes:
    """A whole file; raises ConfigError when it cannot be read or has more bytes than ``limit``."""
    try:
        if limit is not None and file.stat().st_size > limit:
            raise ConfigError(f"{file}: has more than {limit >> 20} MiB.")
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: cannot be read ({error.strerror}).") from error


def read_text(file: Path) -> str:
    """A whole text file, which is UTF-8. Raises ConfigError when it cannot be read or is not."""
    try:
        return read_bytes(file).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{file}: not UTF-8 text (byte {error.start}).", remedy="Save it as UTF-8."
        ) from error


def read_lines(file: Path) -> Iterator[tuple[Place, str]]:
    """Every line that is not blank, stripped, with its place."""
    # splitlines() would break at form feeds and U+2028 as well, which names may hold.
    for number, line in enumerate(read_text(file).replace("\r\n", "\n").split("\n"), start=1):
        if line.strip():
            yield _line(file, number), line.strip()


def read_table(file: Path, columns: Sequence[str] = ()) -> list[Row]:
    """The rows of a CSV table by the names in its header; rows without any text are skipped.

    Strict, as data sets are published: UTF-8 and commas, at least ``columns`` in any order, as
    many cells in every row as in the header. Tables that people type: ``offline.ingest.sheets``.
    Raises ConfigError.
    """
    reader = csv.reader(io.StringIO(read_text(file), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        if absent := [name for name in columns if name not in header]:
            raise _line(file, 1).fault(
                f"the header lacks {', '.join(absent)}", f"It needs: {', '.join(columns)}."
            )
        rows = []
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(_row(_line(file, reader.line_num), header, cells))
        return rows
    except csv.Error as error:
        raise _line(file, reader.line_num).fault(f"not a CSV table ({error})") from error


def _line(file: Path, number: int) -> Place:
    return Place(file, f"line {number}")


def _row(place: Place, header: Sequence[str], cells: Sequence[str]) -> Row:
    if len(cells) != len(header):
        raise place.fault(
            f"{len(cells)} cells where the header has {len(header)}", "Is the file cut off?"
        )
    stripped = (cell.strip() for cell in cells)
    return Row(place, {name: cell for name, cell in zip(header, stripped, strict=True) if name})


def inside(name: str, place: Place) -> str:
    """The name of a file that a list gives relative to the data set's folder, with slashes.

    Raises ConfigError for a name that leads out of the folder: a list comes with a download and
    must not make us read other files. Links inside the folder are the user's own and followed.
    """
    relative = PurePosixPath(name.replace("\\", "/"))
    drive = name[1:2] == ":"  # C:a is a place of its own on Windows
    outside = relative.is_absolute() or ".." in relative.parts or drive
    if outside or "\0" in name or not relative.parts:
        raise place.fault(
            f"{name!r} does not name a file inside the data set's folder",
            "Lists may name no other files.",
        )
    return str(relative)


def whole_number(text: str, what: str, place: Place) -> int:
    """A whole number of at least 0, or ConfigError."""
    if not (text.isascii() and text.isdecimal()):
        raise place.fault(f"{what} is {text!r}, not a whole number")
    return int(text)

"""Label tables: rows of a CSV file, a workbook or JSON, by the path that each one labels."""

from __future__ import annotations

import json
import ntpath
import os
import posixpath
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.names import canonical
from engine.object_stores import StorePath, path_of
from offline.ingest.scan import printable
from offline.ingest.sheets import MAX_BYTES, decoded, read_sheet
from offline.ingest.tables import Place, Row, read_bytes

PATH_COLUMNS = ("path", "file", "filename", "image")


@dataclass(frozen=True)
class LabelRow:
    """The filled cells of one row or, merged, of several, and where they are from."""

    places: tuple[Place, ...]
    cells: Mapping[str, str]  # column -> cell, none empty


@dataclass
class LabelTable:
    """Rows with the paths that they label, relative to the ingested folder; "" is the folder."""

    rows: list[tuple[str, LabelRow]] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)  # what was not read: file, row and reason
    notes: list[str] = field(default_factory=list)


def read_label_table(path: Path, base: Path, root: Path) -> LabelTable:
    """Rows of a table by path relative to ``root``; paths in it start at ``base``.

    JSON is a list of objects with a path each, or an object of objects by path. Raises
    ConfigError naming the file and what is wrong.
    """
    table = LabelTable()
    if path.suffix.lower() == ".json":
        rows: Iterable[Row] = _json_rows(path, table.notes)
    else:
        sheet = read_sheet(path, PATH_COLUMNS)
        rows, table.lost, table.notes = sheet.rows, sheet.lost, sheet.notes
    for row in rows:
        filled = {column: cell for column, cell in row.cells.items() if cell}
        column = next((name for name in PATH_COLUMNS if name in row.cells), None)
        if column is None:
            raise row.place.fault(
                f"has no path; it has {', '.join(row.cells) or 'no columns'}, "
                f"and needs one of {', '.join(PATH_COLUMNS)}"
            )
        target = filled.pop(column, "")
        if not target:
            if filled:
                table.lost.append(f"{row.place}: not read: its path is empty (. is the folder)")
            continue
        key = _below(base, target, root)
        if key is None and base in root.parents:
            continue  # of another folder of those that the table is about
        if key is None:
            table.lost.append(f"{row.place}: {target!r} is not below {root}")
        else:
            table.rows.append((key, LabelRow((row.place,), filled)))
    return table


def key_of(relative: str) -> str:
    """A path as rows name it: composed characters, slashes also for backslashes."""
    return canonical(relative).replace("\\", "/")


def _below(base: Path, target: str, root: Path) -> str | None:
    """``target``, read from ``base``, as a key; None if it is not below ``root``."""
    path = key_of(target)
    drive = ntpath.splitdrive(target)[0]
    # Without the second slash of an address, which normpath drops, too.
    top = posixpath.normpath(key_of(str(root)))
    if not drive or path.startswith(f"{top}/"):  # C: or \\server on Windows' own side
        stored = isinstance(path_of(path), StorePath)
        joined = posixpath.normpath(path if stored else posixpath.join(key_of(str(base)), path))
        if posixpath.isabs(path) and not (joined == top or joined.startswith(f"{top}/")):
            joined = posixpath.join(_real(posixpath.dirname(joined)), posixpath.basename(joined))
        if joined == top:
            return ""
        if joined.startswith(f"{top}/".replace("//", "/")):
            return joined[len(top.rstrip("/")) + 1 :]
    return None


@lru_cache(maxsize=1024)
def _real(folder: str) -> str:
    """The folder with its links followed: the ingested one is named so."""
    return key_of(os.path.realpath(folder))


def _json_rows(path: Path, notes: list[str]) -> list[Row]:
    data = read_json(path, decoded(path, read_bytes(path, MAX_BYTES), notes))
    if isinstance(data, dict):
        data = [{"path": key, **_object(path, value)} for key, value in data.items()]
    if not isinstance(data, list):
        raise ConfigError(f"{path}: must be a list of objects or an object of objects.")
    return [
        Row(Place(path, f"row {number}"), json_cells(_object(path, row)))
        for number, row in enumerate(data, start=1)
    ]


def read_json(path: Path, text: str) -> Any:
    """The value; raises ConfigError naming the file."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:  # ValueError: also numbers of 5,000 digits
        raise ConfigError(f"{path}: not valid JSON ({error}).") from error


def json_cells(row: Mapping[str, Any]) -> dict[str, str]:
    """An object with its values as text: attributes are strings, of whatever type in JSON."""
    # JSON can spell half a surrogate pair, which no database stores as text.
    return {
        canonical(printable(str(key).strip().lower())): printable(_text(value))
        for key, value in row.items()
    }


def _object(path: Path, value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: expected an object, found {json.dumps(value)[:60]}.")
    return value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)

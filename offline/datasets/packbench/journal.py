"""The images that are done, a line each, so that a killed run goes on where it stopped."""

from __future__ import annotations

import json
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from engine.errors import ConfigError
from engine.files import write_lines
from offline.datasets.packbench.manifest import Described, Row, sha256

JOURNAL = "journal.jsonl"  # the description, then a row an image; gone when all is done


class Journal:
    """One writer at a time (see build's lock). ``rows`` are those of earlier runs, by path."""

    def __init__(self, folder: Path, described: Described) -> None:
        """Open or start the journal. Raises ConfigError if it is of another benchmark."""
        self._path = folder / JOURNAL
        lines = _whole_lines(self._path)
        if lines and json.loads(lines[0]) != json.loads(json.dumps(asdict(described))):
            raise ConfigError(
                f"{folder}: holds an unfinished Packbench made with other settings "
                f"({_difference(json.loads(lines[0]), asdict(described))}).",
                remedy="Repeat its settings to finish it, or choose another --out.",
            )
        rows = [row for line in lines[1:] if (row := _row(line)) is not None]
        self.rows = {row.path: row for row in rows if _is_there(folder, row)}
        kept = [json.dumps(asdict(row)) for row in self.rows.values()]
        self._file = self._rewritten([json.dumps(asdict(described)), *kept])

    def add(self, row: Row) -> None:
        """Note an image whose files are written."""
        left = (json.dumps(asdict(row)) + "\n").encode()
        while left:  # the last room on a disk takes a part of a line
            left = left[self._file.write(left) :]

    def close(self) -> None:
        self._file.close()

    def finish(self) -> None:
        self.close()
        self._path.unlink()

    def _rewritten(self, lines: list[str]) -> FileIO:
        # A line that a kill cut short must not swallow the next one.
        write_lines(self._path, lines)
        return self._path.open("ab", buffering=0)  # a full disk shows at the row, not at the end


def _whole_lines(path: Path) -> list[str]:
    if not path.exists():
        return []
    *lines, _cut_short = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return lines if lines and _readable(lines[0]) else []


def _readable(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _row(line: str) -> Row | None:
    """None where a crash of the machine or another version left something else: take it again."""
    try:
        return Row(**json.loads(line))
    except (ValueError, TypeError):
        return None


def _is_there(folder: Path, row: Row) -> bool:
    wanted = {row.path: row.sha256, row.matte: row.matte_sha256}
    if row.transmission:
        wanted[row.transmission] = row.transmission_sha256
    return all(
        (folder / path).is_file() and sha256((folder / path).read_bytes()) == digest
        for path, digest in wanted.items()
    )


def _difference(old: dict[str, object], new: dict[str, object]) -> str:
    keys = [key for key in old if old[key] != new.get(key)]
    return "; ".join(f"{key} {old[key]}, now {new.get(key)}" for key in keys)

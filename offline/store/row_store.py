"""Rows of numbers by key, in two files that only grow, so that a killed run goes on.

``NAME.f32`` holds the rows, one after the other, float32; ``NAME.jsonl`` says whose row each one
is and how long it is. The row is written first: a line says that its row is whole.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.types import FloatArray

ITEM = 4  # bytes of a float32


@dataclass(frozen=True, eq=False)
class Rows:
    """(N, D) float32, mapped from the file; ``at`` finds a row by its key. D is 0 for none."""

    values: FloatArray
    at: dict[str, int]


class RowStore:
    """One process at a time may write: the caller holds a lock. OSError where it cannot."""

    def __init__(self, folder: Path, name: str) -> None:
        self._data, self._index = folder / f"{name}.f32", folder / f"{name}.jsonl"

    def read(self) -> Rows:
        """All whole rows; a key that is there twice means its last row."""
        lines = self._lines()
        at = {key: row for row, (key, _) in enumerate(lines)}
        if not lines:
            return Rows(np.empty((0, 0), np.float32), at)
        shape = (len(lines), lines[0][1])
        return Rows(np.memmap(self._data, np.float32, "r", shape=shape), at)

    def append(self, keys: Sequence[str], rows: FloatArray) -> None:
        """(N, D) rows and their N keys. ValueError for rows of another length than those there."""
        if len(keys) != len(rows):
            raise ValueError(f"{len(keys)} keys for {len(rows)} rows")
        known = self._first()
        if known is not None and known[1] != rows.shape[1]:
            raise ValueError(f"{self._data}: rows of {known[1]} numbers, not of {rows.shape[1]}")
        with self._data.open("ab") as data:
            data.write(np.ascontiguousarray(rows, np.float32).tobytes())
        with self._index.open("a", encoding="utf-8") as index:
            index.writelines(_text(key, rows.shape[1]) for key in keys)

    def mend(self) -> None:
        """Cut off what a kill left unfinished at the end of either file."""
        lines = self._lines()
        if not lines:
            self._data.unlink(missing_ok=True)
            self._index.unlink(missing_ok=True)
            return
        whole = "".join(_text(key, dimension) for key, dimension in lines)
        if self._index.stat().st_size != len(whole.encode()):
            beside = self._index.with_suffix(".part")
            beside.write_text(whole, "utf-8")
            beside.replace(self._index)
        with self._data.open("r+b") as data:
            data.truncate(len(lines) * lines[0][1] * ITEM)

    def _lines(self) -> list[tuple[str, int]]:
        """(key, length) of every whole row, in order; ends at the first line that is damaged."""
        if not (self._index.is_file() and self._data.is_file()):
            return []
        found: list[tuple[str, int]] = []
        # What stands behind the last line end is a line cut short.
        for text in self._index.read_text("utf-8", errors="replace").split("\n")[:-1]:
            line = _parsed(text)
            if line is None or (found and line[1] != found[0][1]):
                break
            found.append(line)
        size = found[0][1] * ITEM if found else 0
        return found[: self._data.stat().st_size // size] if size else []

    def _first(self) -> tuple[str, int] | None:
        if not self._index.is_file():
            return None
        with self._index.open(encoding="utf-8", errors="replace") as index:
            return _parsed(index.readline())


def _text(key: str, dimension: int) -> str:
    return json.dumps([key, dimension]) + "\n"


def _parsed(text: str) -> tuple[str, int] | None:
    try:
        key, dimension = json.loads(text)
    except (TypeError, ValueError):
        return None
    fits = isinstance(key, str) and type(dimension) is int and dimension > 0
    return (key, dimension) if fits else None

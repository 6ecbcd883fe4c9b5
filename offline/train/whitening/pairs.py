"""Which images show the same: by product, or by a list of pairs that a person wrote."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from offline.adapt.scatter import Pairs
from offline.ingest.tables import Row, read_table

COLUMNS = ("a", "b", "match")
YES, NO = "1", "0"


def groups_of(names: Sequence[str | None]) -> npt.NDArray[np.int64]:
    """(N,): equal names, equal numbers from 0 in the order they come; None is -1."""
    numbers: dict[str, int] = {}
    return np.array(
        [-1 if name is None else numbers.setdefault(name, len(numbers)) for name in names], np.int64
    )


def read_pairs(path: Path, positions: Mapping[str, int]) -> Pairs:
    """A CSV table with the columns a, b (images, as ``positions`` names them) and match (1, 0).

    Raises ConfigError with file and line for a side that is empty or not in the gallery, a
    image paired with itself, and a pair that is listed twice.
    """
    found: dict[str, list[tuple[int, int]]] = {YES: [], NO: []}
    seen: set[frozenset[int]] = set()
    for row in read_table(path, COLUMNS):
        pair = (_side(row, "a", positions), _side(row, "b", positions))
        if pair[0] == pair[1]:
            raise row.place.fault("pairs an image with itself")
        if frozenset(pair) in seen:
            raise row.place.fault("lists a pair that was there before")
        seen.add(frozenset(pair))
        found[row.chosen("match", (YES, NO))].append(pair)
    matching, other = (np.array(found[kind], np.int64).reshape(-1, 2) for kind in (YES, NO))
    for kind, said in ((matching, "matches (match = 1)"), (other, "does not match (match = 0)")):
        if not len(kind):
            raise ConfigError(
                f"{path}: lists no pair that {said}.", remedy="List pairs of both kinds."
            )
    return Pairs(matching, other)


def _side(row: Row, column: str, positions: Mapping[str, int]) -> int:
    name = row.cells[column].strip()
    if not name:
        raise row.place.fault(f"side {column} of the pair is missing", "Name an image there.")
    if name not in positions:
        raise row.place.fault(
            f"side {column}, {name!r}, is not in the gallery",
            "Name images as `packsight gallery export` does.",
        )
    return positions[name]

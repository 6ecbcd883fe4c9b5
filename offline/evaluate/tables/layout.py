"""What a table is made from, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import Settings
from engine.types import Progress
from offline.report.document import System, Table

SHOWN = 10  # single queries
TIMED = 24  # photos; enough for a median


@dataclass(frozen=True)
class Variant:
    """One of the systems that a table compares, by the name that its row or column has."""

    name: str
    settings: Settings


@dataclass(frozen=True)
class Request:
    """``split`` and ``protocol`` choose what of the data is asked; None: what the layout says.
    ``shown``: how many single queries have a row. ``timed``: how many photos are timed."""

    data: tuple[Path, ...]
    variants: tuple[Variant, ...]
    cache: Path
    split: str | None = None
    protocol: str | None = None
    shown: int = SHOWN
    timed: int = TIMED
    seed: int = 0
    progress: Progress | None = None


@dataclass(frozen=True)
class Made:
    """Tables of all systems together, and the figures of each.

    ``pictures``: how many, by role. ``faults``: a sentence for every picture that cannot be read.
    """

    tables: tuple[Table, ...]
    systems: tuple[System, ...]
    dataset: str
    checksum: str
    pictures: Mapping[str, int]
    faults: tuple[str, ...] = field(default=())

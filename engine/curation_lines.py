"""Decisions as JSON Lines, to back them up and to carry them to another gallery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from engine import files
from engine.curation import Curation
from engine.decisions import Decided, from_line, to_line
from engine.errors import GalleryError


def export_decisions(curation: Curation, path: Path) -> int:
    """All that was ever decided, a line each, in order; the whole file or none. Returns how many
    lines."""
    try:
        return files.write_lines(path, (to_line(decided) for decided in curation.log()))
    except OSError as error:
        raise GalleryError(f"{path}: cannot be written ({error.strerror}).") from error


def import_decisions(curation: Curation, path: Path) -> int:
    """Keep the decisions of a file beside those that are there, by their times; returns how many
    were new, none where they are all known.

    GalleryError for a damaged line, by its number: nothing is kept then; and as ``Curation.take``.
    """
    for _ in _decisions(path):
        pass
    return curation.take(_decisions(path))


def _decisions(path: Path) -> Iterator[Decided]:
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _decision(line, f"{path}: line {number}")
    except OSError as error:
        raise GalleryError(f"{path}: cannot be read ({error.strerror}).") from error


def _decision(line: bytes, where: str) -> Decided:
    try:
        return from_line(line.decode())
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:200]
        raise GalleryError(
            f"{where} is no decision: {reason}.", remedy="Nothing was imported. Export it again."
        ) from error

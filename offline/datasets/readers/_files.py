"""The images and folders of a folder, for readers. What cannot be looked at is passed over:
a path that is too long, a file server that fails; see errno(3), ENAMETOOLONG, ESTALE and EIO.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path

from engine.images import SUPPORTED_SUFFIXES
from offline.ingest.scan import kind_of_folder

_log = logging.getLogger(__name__)


def is_image(path: Path) -> bool:
    """By its suffix; hidden files are none (macOS writes ._ files)."""
    return path.suffix.lower() in SUPPORTED_SUFFIXES and not path.name.startswith(".")


def images_in(folder: Path, depth: int = 1) -> list[Path]:
    """The images so many levels below, sorted by path."""
    return sorted(path for level, path in images_within(folder, depth) if level == depth)


def images_within(folder: Path, depth: int) -> Iterator[tuple[int, Path]]:
    """The images at most so many levels below, each with its level: 1 is the folder itself."""
    for level, here, _, files in _levels(folder, depth):
        for name in files:
            if is_image(here / name):
                yield level, here / name


def files_below(folder: Path) -> list[Path]:
    """All files, sorted by path; a folder that cannot be listed is a warning in the log."""

    def warn(error: OSError) -> None:
        _log.warning("%s: skipped: cannot be read (%s)", error.filename, error.strerror)

    walk = os.walk(folder, onerror=warn)
    return sorted(Path(here, name) for here, _, files in walk for name in files)


def folders_in(folder: Path, depth: int = 1) -> list[Path]:
    """The folders at most so many levels below, sorted; none that an ingest passes over."""
    return sorted(here / name for _, here, folders, _ in _levels(folder, depth) for name in folders)


def _levels(folder: Path, depth: int) -> Iterator[tuple[int, Path, list[str], list[str]]]:
    """Level, folder, its folders and its files; links are followed, for the depth is bounded."""
    for directory, folders, files in os.walk(folder, followlinks=True):
        here = Path(directory)
        level = len(here.relative_to(folder).parts) + 1
        folders[:] = [name for name in folders if _may_be_entered(here / name)]
        yield level, here, list(folders), files
        if level == depth:
            folders.clear()


def _may_be_entered(folder: Path) -> bool:
    return kind_of_folder(folder) in ("", "linked folders")

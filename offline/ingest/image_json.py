"""JSON beside an image: its labels if it has our form, foreign if other programs wrote it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from engine.errors import ConfigError
from offline.ingest.label_tables import json_cells, read_json
from offline.ingest.sheets import decoded

MAX_BYTES = 64 * 1024  # labels of one image are far smaller; annotations with pixels are not
# gallery-dl writes the site as "category": its objects hold these keys together.
_DOWNLOADER = {"category", "subcategory", "filename", "extension"}


def json_beside(image: Path) -> Iterator[Path]:
    """``view.json`` and ``view.jpg.json``, those that are there; a path too long is not."""
    for path in (image.with_suffix(".json"), Path(f"{image}.json")):
        try:
            if path.is_file():
                yield path
        except OSError:
            continue


def read_image_json(path: Path) -> dict[str, str] | None:
    """Its cells by column; None for a foreign file.

    Ours is one object of at most MAX_BYTES whose values are texts, numbers, booleans, null, or
    lists of these. Raises ConfigError where it is not JSON or cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}).") from error
    if len(data) > MAX_BYTES:
        return None
    value = read_json(path, decoded(path, data, []))
    if not isinstance(value, dict) or not all(map(_is_flat, value.values())):
        return None
    return None if set(value) >= _DOWNLOADER else json_cells(value)


def _is_flat(value: Any) -> bool:
    if isinstance(value, list):
        return not any(isinstance(item, list | dict) for item in value)
    return not isinstance(value, dict)

"""The bound on an image's attributes, so that no answer grows with what a file holds."""

from __future__ import annotations

import json
from collections.abc import Mapping

MAX_ATTRIBUTES = 32
MAX_NAME = 500  # characters
MAX_VALUE = 1000  # characters
MAX_BYTES = 4096  # of all names and values of an image, as JSON in UTF-8


def bounded(attributes: Mapping[str, str]) -> dict[str, str]:
    """The first attributes that keep to the bound, longer names and values cut with an ellipsis,
    without NUL characters.

    Attributes that keep to it come back as they are.
    """
    kept: dict[str, str] = {}
    left = MAX_BYTES
    for name, value in attributes.items():
        name, value = _cut(name, MAX_NAME), _cut(value, MAX_VALUE)
        left -= len(json.dumps([name, value], ensure_ascii=False).encode("utf-8", "replace"))
        if left < 0 or len(kept) == MAX_ATTRIBUTES:
            break
        kept[name] = value
    return kept


def _cut(text: str, length: int) -> str:
    # No filter finds a NUL: SQLite ends names there, and PostgreSQL reads no image's attributes
    # where one image has it.
    text = text.replace("\0", "")
    return text if len(text) <= length else text[: length - 1] + "…"

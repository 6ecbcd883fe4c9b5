"""Values as TOML text, for the files that Packsight writes beside models."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def toml_value(value: object) -> str:
    """A string, number, truth value, list or table on one line.

    Raises ValueError for what TOML cannot hold: None, and text that is no Unicode (a file name
    that is not UTF-8 reaches Python as lone surrogates).
    """
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    if isinstance(value, Mapping):
        pairs = (f"{toml_key(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, bool | int):
        return json.dumps(value)
    if isinstance(value, float):
        # JSON writes NaN and Infinity, TOML nan and inf.
        return json.dumps(value).replace("NaN", "nan").replace("Infinity", "inf")
    raise ValueError(f"{value!r} has no form in TOML")


def toml_key(key: object) -> str:
    return str(key) if _BARE_KEY.fullmatch(str(key)) else _text(str(key))


def toml_lines(table: Mapping[str, object]) -> list[str]:
    """``key = value``, a line each."""
    return [f"{toml_key(key)} = {toml_value(value)}" for key, value in table.items()]


def _text(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise ValueError(f"{text!r} is not text that UTF-8 can hold") from None
    # JSON's escapes are valid in a TOML string, except that TOML also forbids a raw DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")

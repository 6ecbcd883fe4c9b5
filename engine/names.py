"""Names that people give to categories, products and files: one Unicode form, and which look alike.

The same name may be spelled with composed characters (Windows, Linux) or with decomposed ones
(macOS, Unicode Standard Annex #15); names are kept and compared as composed (NFC).
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Collection, Iterable

COMPARED = 5_000  # names at most that are compared letter by letter

# What a terminal obeys or an encoder refuses: C0 and C1 controls, line and paragraph separators,
# characters that change the direction of what follows, and halves of surrogate pairs.
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def canonical(name: str) -> str:
    """The name in composed characters (NFC)."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def without_controls(text: str, *, keep: str = "") -> str:
    """The text on one line, control characters shown as escapes, those in ``keep`` left.

    The escapes are those of JSON: JSON with control characters in its strings stays the same JSON.
    """
    if text.isprintable():
        return text
    return _CONTROLS.sub(lambda found: _escape(found[0], keep), text)


def _escape(character: str, keep: str) -> str:
    return character if character in keep else _SHORT.get(character, f"\\u{ord(character):04x}")


def without_formula(text: str) -> str:
    """As a cell of CSV: spreadsheets run what begins like a formula."""
    return f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text


def look_alike(name: str) -> str:
    """Equal for names that differ in case, blanks or compatible forms of characters alone."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return " ".join(folded.split())


def same_name(name: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are this one, whatever their Unicode form."""
    wanted = canonical(name)
    return [other for other in names if canonical(other) == wanted]


def nearest(name: str, names: Collection[str]) -> str | None:
    """The name that was probably meant: one that looks alike, else the most similar, if any."""
    key = look_alike(name)
    by_key: dict[str, str] = {}
    for other in names:
        by_key.setdefault(look_alike(other), other)
    if key in by_key:
        return by_key[key]
    if len(by_key) > COMPARED:
        return None
    close = difflib.get_close_matches(key, list(by_key), n=1)
    return by_key[close[0]] if close else None

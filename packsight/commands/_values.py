"""What the commands of `packsight evaluate` have in common."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

SHOWN = 20  # pictures that cannot be read; the rest is counted


def tell(faults: Sequence[str]) -> None:
    """Name what cannot be read, on standard error."""
    for fault in faults[:SHOWN]:
        print(fault, file=sys.stderr)
    if len(faults) > SHOWN:
        print(f"and {len(faults) - SHOWN} more like these", file=sys.stderr)


def user_cache() -> Path:
    """Where features and descriptions are kept unless --cache says otherwise."""
    from platformdirs import user_cache_path

    return user_cache_path("packsight", appauthor=False) / "evaluate"


def whole(text: str) -> int:
    """A flag's value: a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}")
    return int(text)


def positive(text: str) -> int:
    """A flag's value: a whole number from 1 on."""
    if whole(text) < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {text!r}")
    return int(text)

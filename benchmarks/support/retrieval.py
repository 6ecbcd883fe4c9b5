"""What the benchmarks of embeddings have in common: their flags, and errors of one line."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.errors import PacksightError


def parser_of(text: str | None) -> argparse.ArgumentParser:
    """A parser of the data, the cache and settings; ``text`` describes the script."""
    parser = argparse.ArgumentParser(
        description=text, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR")
    add("--cache", type=Path, required=True, metavar="DIR", help="for cutouts and features")
    add("--set", action="append", default=[], dest="overrides", metavar="SECTION.KEY=VALUE")
    return parser


def answer(
    parser: argparse.ArgumentParser,
    report: Callable[[argparse.Namespace], str],
    arguments: Sequence[str] | None,
) -> int:
    """Print the ``report`` of the arguments; a user's error is one line."""
    args = parser.parse_args(arguments)
    try:
        print(report(args))
    except PacksightError as error:
        print(f"{Path(parser.prog).stem}: {error}", file=sys.stderr)
        return 1
    return 0

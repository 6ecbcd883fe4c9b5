"""Commands with parts: a word after the command chooses a module of its own."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import Any

# By the part's name: a module with ``add_arguments(parser)`` and ``run(args) -> exit code``, or
# MODULE:NAME for something in a module that has them, and what it is about. Modules are imported
# to parse, so they import nothing heavy at their top.
Parts = Mapping[str, tuple[str, str]]


def add_parts(parser: argparse.ArgumentParser, parts: Parts, verb: str) -> None:
    """``verb`` begins the description of every part, such as "Train"."""
    chosen = parser.add_subparsers(dest="part", required=True, metavar="PART")
    for name, (path, summary) in parts.items():
        part = chosen.add_parser(name, help=summary, description=f"{verb} {summary}.")
        module = _found(path)
        module.add_arguments(part)
        part.set_defaults(module=module)


def _found(path: str) -> Any:
    name, _, attribute = path.partition(":")
    module = import_module(name)
    return getattr(module, attribute) if attribute else module


def run_part(args: argparse.Namespace) -> int:
    return int(args.module.run(args))

"""Arguments that several commands share: settings, kinds of values, commands with parts."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any


def add_settings_flags(parser: argparse.ArgumentParser, *, default: str) -> None:
    """--profile, --config and --set; ``default`` is what applies without --profile."""
    group = parser.add_argument_group("settings")
    group.add_argument(
        "--profile",
        metavar="NAME",
        help=f"shipped profile or .toml file (default: {default})",
    )
    add_overlay_flags(group)


def add_overlay_flags(parser: argparse._ActionsContainer) -> None:
    """--config and --set."""
    parser.add_argument("--config", metavar="FILE", help="TOML file laid over the profile")
    parser.add_argument(
        "--set",
        metavar="SECTION.KEY=VALUE",
        action="append",
        default=[],
        dest="overrides",
        help="one setting laid over all others, such as rerank.top_n=20; may be repeated",
    )


def add_quiet_flag(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--quiet", action="store_true", help="show no progress")


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


# By the name of a command of a command: a module with ``add_arguments(parser)`` and
# ``run(args) -> exit code``, or MODULE:NAME for an object in a module that has them; and a summary.
Parts = Mapping[str, tuple[str, str]]
if TYPE_CHECKING:
    Chosen = argparse._SubParsersAction[argparse.ArgumentParser]


def add_parts(parser: argparse.ArgumentParser, parts: Parts) -> None:
    """Commands of a command that are modules of their own. All are imported to parse."""
    chosen = parser.add_subparsers(dest="action", required=True, metavar="COMMAND")
    for name, (path, summary) in parts.items():
        module, _, attribute = path.partition(":")
        part: Any = import_module(module)
        part = getattr(part, attribute) if attribute else part
        command = add_command(chosen, name, summary)
        part.add_arguments(command)
        command.set_defaults(run=part.run)


def run_part(args: argparse.Namespace) -> int:
    return int(args.run(args))


def add_command(chosen: Chosen, name: str, summary: str) -> argparse.ArgumentParser:
    """A command of a command; its summary, a phrase, is its description too."""
    return chosen.add_parser(name, help=summary, description=sentence(summary))


def sentence(summary: str) -> str:
    return f"{summary[:1].upper()}{summary[1:]}."

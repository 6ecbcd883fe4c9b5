"""The `packsight` command. Subcommands are named by string and imported when they are used.

A command module has ``add_arguments(parser)`` and ``run(args) -> exit code`` and imports only
light modules at its top, so that ``--help`` answers at once.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from engine import __version__
from engine.errors import PacksightError

USAGE_ERROR = 2  # as argparse
FAILURE = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


@dataclass(frozen=True)
class Command:
    module: str
    summary: str


COMMANDS = {
    "ingest": Command("packsight.commands.ingest", "read a folder of pictures into a gallery"),
    "query": Command("packsight.commands.query", "find the products nearest to a photo"),
    "gallery": Command("packsight.commands.gallery", "look at, check, mend or export a gallery"),
    "calibrate": Command("packsight.commands.calibrate", "fit when a query's hits are no match"),
    "weights": Command("packsight.commands.weights", "list, fetch, verify or export model weights"),
    "profiles": Command(
        "packsight.commands.profiles", "list profiles, or show one with all its options"
    ),
    "data": Command("packsight.commands.data", "render, check and look at benchmark pictures"),
    "train": Command(
        "packsight.commands.train", "train an embedder, classifier, segmenter and more"
    ),
    "evaluate": Command("packsight.commands.evaluate", "measure every stage, and compare reports"),
    "demo": Command("packsight.commands.demo", "ingest the shipped catalogue and query it"),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. User errors become one line on stderr."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _run(given)
        finally:
            sys.stdout.flush()  # a reader that went away shows here, and not when Python ends
    except PacksightError as error:
        print(f"packsight: {error}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("packsight: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output went away (`| head`): nothing is wrong, nothing more to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _run(given: list[str]) -> int:
    command = COMMANDS.get(given[0]) if given else None
    if command is None:
        return _no_command(given)
    # Pillow warns of every oddity in a file's metadata; what matters becomes an ImageError.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    module: Any = import_module(command.module)
    parser = argparse.ArgumentParser(
        prog=f"packsight {given[0]}", description=command.summary.capitalize() + "."
    )
    module.add_arguments(parser)
    return int(module.run(_parsed(parser, given[1:])))


def _parsed(parser: argparse.ArgumentParser, given: Sequence[str]) -> argparse.Namespace:
    """As ``parse_args``, which would not say where the flags of a command's part are listed."""
    args, unknown = parser.parse_known_args(given)
    if unknown:
        part = getattr(args, "part", getattr(args, "action", None))
        name = " ".join([parser.prog, part] if part else [parser.prog])
        parser.error(f"unrecognized arguments: {' '.join(unknown)}. Known ones: {name} --help")
    return args


def entry() -> None:
    """The console script."""
    # File names may hold bytes that are no text: show them escaped rather than fail.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    sys.exit(main())


def _no_command(given: list[str]) -> int:
    if given and given[0] in ("-V", "--version"):
        print(f"packsight {__version__}")
        return 0
    if given and given[0] in ("-h", "--help"):
        print(_help())
        return 0
    if given:
        names = ", ".join(COMMANDS)
        print(f"packsight: unknown command {given[0]!r}. Valid: {names}.", file=sys.stderr)
    else:
        print(_help(), file=sys.stderr)
    return USAGE_ERROR


def _help() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "usage: packsight COMMAND …",
            "",
            "Find a package from a photo: visual search for product and packaging catalogues.",
            "",
            *lines,
            "",
            "`packsight COMMAND --help` tells more; `packsight --version` the version.",
        ]
    )

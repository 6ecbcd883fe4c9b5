"""The `packsight` command line: finds a command's module by its name, parses, runs, reports errors.

The rule for commands is in ``packsight.commands``.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

from engine import __version__
from engine.errors import PacksightError
from engine.names import without_controls
from packsight._streams import settle_streams
from packsight.commands._arguments import sentence

USAGE_ERROR = 2  # as argparse
FAILURE = 1
INTERRUPTED = 130  # 128 + SIGINT, as shells report it


# Name, which is that of a module in ``packsight.commands``, and summary.
COMMANDS = {
    "ingest": "read a folder of images into a gallery",
    "query": "find the products nearest to a photo",
    "serve": "answer queries over HTTP, with a page for people",
    "gallery": "show, check, repair or export a gallery",
    "curation": "back up, or carry to another gallery, what people decided",
    "adapt": "fit to a gallery how its vectors are compared",
    "calibrate": "fit the probability below which a hit is no match",
    "keys": "make, list and revoke the keys of the online service",
    "weights": "list, download, verify, export or quantise model weights",
    "profiles": "list profiles, or print one with all its options",
    "cache": "show or clear the mattes and networks that all commands share",
    "tune-runtime": "choose the fastest runtime for each network on this machine",
    "prepare": "make the networks and the settings of the paper's system",
    "data": "render, check and show benchmark images",
    "train": "train an embedder, a classifier, a segmenter and more",
    "evaluate": "evaluate every stage, and compare reports",
    "demo": "ingest the shipped catalogue and query it",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. User errors become one line on stderr."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _run(words)
        finally:
            sys.stdout.flush()  # a closed pipe raises here, and not when Python ends
    except PacksightError as error:
        print(f"packsight: {without_controls(str(error))}", file=sys.stderr)
        return FAILURE
    except KeyboardInterrupt:
        print("packsight: interrupted.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader of our output has ended (`| head`): nothing failed


def _run(words: list[str]) -> int:
    if not words or words[0] not in COMMANDS:
        return _no_command(words)
    # Pillow warns of every oddity in a file's metadata; what matters becomes an ImageError.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    name = words[0]
    module = module_of(name)
    summary = COMMANDS[name]
    parser = _Parser(prog=f"packsight {name}", description=sentence(summary))
    module.add_arguments(parser)
    return int(module.run(_parsed(parser, words[1:])))


def module_of(name: str) -> Any:
    """The module of a command."""
    return import_module(f"packsight.commands.{name.replace('-', '_')}")


class _Parser(argparse.ArgumentParser):
    """Its errors are one line that ends with the command that lists the flags."""

    def error(self, message: str) -> NoReturn:
        line = without_controls(f"{self.prog}: {message.rstrip('.')}. Flags: {self.prog} --help")
        self.exit(USAGE_ERROR, f"{line}\n")


def _parsed(parser: _Parser, words: Sequence[str]) -> argparse.Namespace:
    """As ``parse_args``, which names the wrong help for an unknown flag of a subcommand."""
    args, unknown = parser.parse_known_args(words)
    if unknown:
        if action := getattr(args, "action", None):
            parser.prog += f" {action}"
        parser.error(f"unrecognized arguments: {' '.join(unknown)}")
    return args


def entry() -> None:
    """The console script."""
    settle_streams()
    sys.exit(main())


def _no_command(words: list[str]) -> int:
    match words[:1]:
        case ["-V" | "--version"]:
            print(f"packsight {__version__}")
            return 0
        case ["-h" | "--help"]:
            print(_help())
            return 0
        case [unknown]:
            valid = ", ".join(COMMANDS)
            print(f"packsight: unknown command {unknown!r}. Valid: {valid}.", file=sys.stderr)
        case _:
            print(_help(), file=sys.stderr)
    return USAGE_ERROR


def _help() -> str:
    width = max(map(len, COMMANDS))
    return "\n".join(
        [
            "usage: packsight COMMAND …",
            "",
            "Find a package from a photo: visual search for product and packaging catalogues.",
            "",
            *(f"  {name:{width}}  {summary}" for name, summary in COMMANDS.items()),
            "",
            "`packsight COMMAND --help` lists the arguments of a command,",
            "`packsight --version` prints the version.",
        ]
    )

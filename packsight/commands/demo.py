"""`packsight demo`: the main job on the shipped catalogue, through the commands a user types."""

from __future__ import annotations

import argparse
import shlex
from importlib import import_module
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out",
        metavar="DIR",
        default="demo-output",
        help="folder of the gallery and the pages (default: demo-output)",
    )
    parser.add_argument(
        "-k", type=int, default=5, metavar="N", help="number of hits a query (default: 5)"
    )


def run(args: argparse.Namespace) -> int:
    from engine.errors import ConfigError
    from offline.datasets.packbench import catalogue, demo_queries

    out = Path(args.out)
    gallery = out / "gallery"
    steps = [["ingest", str(catalogue()), "--gallery", str(gallery)]]
    steps += [
        [
            *("query", str(photo), "--gallery", str(gallery), "-k", str(args.k)),
            *("--page", str(out / f"{photo.parent.name}.html")),
        ]
        for photo in demo_queries()
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"--out {out}: cannot be made ({error.strerror}).", remedy="Choose another folder."
        ) from error
    return next((code for step in steps if (code := _step(step))), 0)


def _step(arguments: list[str]) -> int:
    """One command as a user types it."""
    print(f"$ packsight {shlex.join(arguments)}", flush=True)
    name, *rest = arguments
    command = import_module(f"packsight.commands.{name}")
    parser = argparse.ArgumentParser(prog=f"packsight {name}")
    command.add_arguments(parser)
    code = int(command.run(parser.parse_args(rest)))
    print(flush=True)
    return code

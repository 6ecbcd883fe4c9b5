"""`packsight tune-runtime [--profile NAME | --gallery DIR]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_overlay_flags, positive

if TYPE_CHECKING:
    from engine.config import Settings
    from stages.tuning import Tuned


def add_arguments(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--profile",
        metavar="NAME",
        help="shipped profile or .toml file whose networks are timed (default: compact)",
    )
    chosen.add_argument("--gallery", metavar="ADDRESS", help="gallery whose networks are timed")
    parser.add_argument(
        "--rounds",
        type=positive,
        default=20,
        metavar="N",
        help="runs of every network by every runtime (default: 20)",
    )
    add_overlay_flags(parser.add_argument_group("settings"))


def run(args: argparse.Namespace) -> int:
    from engine.images import load
    from offline.datasets.packbench import demo_queries
    from stages.tuning import tune

    photo = load(demo_queries()[0])
    found: list[Tuned] = []
    for tuned in tune(_settings(args), photo, args.rounds):
        if not found:
            print(_row("network", "runtime", "ms", "ratio", "differs by"))
        found.append(tuned)
        for row in _rows(tuned):
            print(row, flush=True)
    if not found:
        print("These settings have no network: there is nothing to choose.")
        return 0
    print(
        f"Medians of {args.rounds} rounds, one photo at a time; ratio and difference are to ONNX "
        'Runtime. * is kept for backend = "auto".'
    )
    return 0


def _settings(args: argparse.Namespace) -> Settings:
    from engine.galleries import open_gallery
    from stages.open_settings import settings_for

    config = None if args.config is None else Path(args.config)
    if args.gallery is None:
        return settings_for(None, profile=args.profile, config=config, overrides=args.overrides)
    with open_gallery(args.gallery) as gallery:
        return settings_for(gallery.manifest, config=config, overrides=args.overrides)


def _rows(tuned: Tuned) -> Iterator[str]:
    from stages._session import RUNTIMES

    for backend, timing in tuned.timings.items():
        yield _row(
            tuned.name,
            f"{'*' if backend == tuned.chosen else ' '} {RUNTIMES[backend]}",
            f"{1000 * timing.seconds:.1f}",
            f"{timing.ratio:.2f}",
            "" if backend == "onnxruntime" else f"{timing.difference:.0e}",
        )
    for backend, why in tuned.refused.items():
        yield f"{_row(tuned.name, f'  {RUNTIMES[backend]}')} {why}"


def _row(network: str, runtime: str, *values: str) -> str:
    return f"{network:24} {runtime:16}{''.join(f'{value:>12}' for value in values)}"

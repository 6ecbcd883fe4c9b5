"""Common to the trainers' commands: flags of a run, its settings, progress and epochs."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.names import without_controls
from packsight.commands._arguments import add_quiet_flag

if TYPE_CHECKING:
    from engine.config import Settings
    from engine.types import Progress
    from offline.train.run import Callbacks


def add_run_flags(
    parser: argparse.ArgumentParser,
    data: str | None = None,
    *,
    several: bool = False,
    cache: bool = False,
) -> None:
    """--data (with ``data`` as its help; ``several``: it takes more than one), --out for a run's
    folder, --cache and --quiet."""
    if data is not None:
        parser.add_argument(
            "--data",
            type=Path,
            nargs="+" if several else None,
            action="extend" if several else "store",
            required=True,
            metavar="DIR",
            help=f"{data}; several are learned from together" if several else data,
        )
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder of the run; a killed run continues when the command is given again",
    )
    if cache:
        parser.add_argument(
            "--cache",
            type=Path,
            metavar="DIR",
            help="folder for cutouts, which several runs may share (default: in --out)",
        )
    add_quiet_flag(parser)


def gallery_settings_of(args: argparse.Namespace) -> Settings:
    """The settings of --gallery or --profile, else the shipped one's, with --config and --set."""
    from engine.galleries import open_gallery
    from stages.open_settings import settings_for

    manifest = None
    if args.gallery is not None:
        with open_gallery(args.gallery) as gallery:
            manifest = gallery.manifest
    return settings_for(
        manifest,
        profile=args.profile,
        config=Path(args.config) if args.config else None,
        overrides=args.overrides,
    )


def settings_of(args: argparse.Namespace, default: str | None = None) -> Settings:
    """The settings of --profile (else ``default``, else the shipped one), --config and --set."""
    from engine.config import load
    from stages.profiles import DEFAULT, read_profile

    return load(
        read_profile(args.profile or default or DEFAULT),
        file=Path(args.config) if args.config else None,
        flags=args.overrides,
    )


@contextmanager
def progress_of(args: argparse.Namespace) -> Iterator[Callable[[str], Progress]]:
    """A bar for each title, unless --quiet; a new one ends the bar before it."""
    from packsight.commands._terminal import bar

    with ExitStack() as bars:

        def start(title: str) -> Progress:
            bars.close()
            return bars.enter_context(bar(title, show=not args.quiet))

        yield start


@contextmanager
def callbacks_of(args: argparse.Namespace, **values: tuple[str, str]) -> Iterator[Callbacks]:
    """Bars, and a line for every epoch: the heading and the format of each of its ``values``."""
    from offline.train.run import Callbacks

    def print_epoch(epoch: dict[str, float]) -> None:
        shown = (f"{heading} {epoch[name]:{form}}" for name, (heading, form) in values.items())
        print(f"epoch {epoch['epoch']:.0f}: {', '.join(shown)}", flush=True)

    with progress_of(args) as progress:
        if args.quiet:
            yield Callbacks(progress, note=_print_note)
        else:
            yield Callbacks(progress, print_epoch, _print_note)


def _print_note(note: str) -> None:
    print(without_controls(note), file=sys.stderr, flush=True)

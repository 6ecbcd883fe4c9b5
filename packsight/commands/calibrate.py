"""`packsight calibrate --gallery DIR --photos DATA`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_quiet_flag, add_settings_flags

if TYPE_CHECKING:
    from offline.calibration.gallery import Outcome, Request

SHOWN = 10  # faults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--gallery", metavar="ADDRESS", required=True, help="gallery to calibrate")
    add(
        "--photos",
        metavar="DATA",
        type=Path,
        help="photos of known products, as users take them: a data set, or a folder labelled as "
        "for an ingest (default: the gallery's own views, which are easier than photos)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument(
        "--protocol", metavar="NAME", help="protocol of --photos whose queries are used"
    )
    chosen.add_argument("--split", metavar="NAME", help="split of --photos that is used")
    add(
        "--false-accepts",
        metavar="FRACTION",
        type=float,
        default=0.05,
        help="fraction of photos of absent products that may be taken for a match (default: 0.05)",
    )
    add("--seed", type=int, default=0, metavar="N", help="seed of the folds (default: 0)")
    add("--remove", action="store_true", help="remove the calibration")
    add("--json", metavar="FILE", type=Path, help="write the calibration as JSON")
    add_quiet_flag(parser)
    add_settings_flags(parser, default="the gallery's own settings")


def run(args: argparse.Namespace) -> int:
    from offline.calibration.gallery import calibrate, remove
    from packsight.commands._terminal import bar

    if args.remove:
        gone = remove(args.gallery)
        print(f"{args.gallery}: {'no longer calibrated' if gone else 'was not calibrated'}.")
        return 0
    request = _request(args)
    with bar("querying", show=not args.quiet) as progress:
        outcome = calibrate(request, progress)
    _print_outcome(args.gallery, outcome)
    if args.json:
        from engine.galleries.export import write_lines

        write_lines(args.json, [outcome.calibration.model_dump_json(indent=2)])
    return 0


def _request(args: argparse.Namespace) -> Request:
    from engine.errors import ConfigError
    from offline.calibration.gallery import Request

    if not 0 < args.false_accepts < 1:
        raise ConfigError(f"--false-accepts {args.false_accepts}: must lie between 0 and 1.")
    if args.seed < 0:
        raise ConfigError(f"--seed {args.seed}: must not be negative.")
    if args.photos is None and (args.protocol or args.split):
        raise ConfigError("--protocol and --split choose among the images of --photos.")
    return Request(
        gallery=args.gallery,
        photos=args.photos,
        protocol=args.protocol,
        split=args.split,
        false_accepts=args.false_accepts,
        seed=args.seed,
        profile=args.profile,
        config=None if args.config is None else Path(args.config),
        overrides=tuple(args.overrides),
    )


def _print_outcome(gallery: str, outcome: Outcome) -> None:
    from packsight.commands._terminal import print_faults

    calibration, answers = outcome.calibration, outcome.answers
    print_faults(answers.faults, SHOWN)
    what = "views" if calibration.source == "views" else "photos"
    products = calibration.figures.products
    print(
        f"{gallery}: calibrated on {answers.present} {what} of products that it holds and "
        f"{answers.absent} of others, {products} products in all."
    )
    print(*calibration.in_words(), sep="\n")
    if outcome.seen:
        print(f"{outcome.seen} photos left out: the gallery holds them or was adapted with them.")
    for warning in (*calibration.warnings(), *outcome.notes):
        print(f"packsight: {warning}.", file=sys.stderr)

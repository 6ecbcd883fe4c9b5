"""`packsight calibrate --gallery DIR --photos DATA`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._settings import add_settings_flags

if TYPE_CHECKING:
    from offline.calibration.gallery import Outcome, Request

SHOWN = 10  # faults


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--gallery", metavar="DIR", required=True)
    parser.add_argument(
        "--photos",
        metavar="DATA",
        type=Path,
        help="photos of known products, as users take them: a data set, or a folder labelled as "
        "for an ingest (default: the gallery's own views, which are easier than photos)",
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--protocol", metavar="NAME", help="its queries of this protocol")
    chosen.add_argument("--split", metavar="NAME", help="its pictures of this split")
    parser.add_argument(
        "--false-accepts",
        metavar="SHARE",
        type=float,
        default=0.05,
        help="of photos of absent products, how many may be taken for a match (default: 0.05)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of the folds (default: 0)")
    parser.add_argument("--remove", action="store_true", help="take the calibration away")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the calibration as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")
    add_settings_flags(parser, default="the gallery's own settings")


def run(args: argparse.Namespace) -> int:
    from offline.calibration.gallery import calibrate, remove
    from packsight.commands._progress import bar

    if args.remove:
        gone = remove(Path(args.gallery))
        print(f"{args.gallery}: {'no longer calibrated' if gone else 'was not calibrated'}.")
        return 0
    request = _request(args)
    with bar("asking", show=not args.quiet) as progress:
        outcome = calibrate(request, progress)
    _tell(args.gallery, outcome)
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
        raise ConfigError("--protocol and --split choose among the pictures of --photos.")
    return Request(
        gallery=Path(args.gallery),
        photos=args.photos,
        protocol=args.protocol,
        split=args.split,
        false_accepts=args.false_accepts,
        seed=args.seed,
        profile=args.profile,
        config=None if args.config is None else Path(args.config),
        overrides=tuple(args.overrides),
    )


def _tell(gallery: str, outcome: Outcome) -> None:
    calibration, asked = outcome.calibration, outcome.asked
    for fault in asked.faults[:SHOWN]:
        print(fault, file=sys.stderr)
    if len(asked.faults) > SHOWN:
        print(f"and {len(asked.faults) - SHOWN} more like these", file=sys.stderr)
    what = "views" if calibration.source == "views" else "photos"
    figures = calibration.figures
    print(
        f"{gallery}: calibrated on {asked.held} {what} of products that it holds and "
        f"{asked.strange} of others, {figures.products} products in all."
    )
    print(*calibration.in_words(), sep="\n")
    for warning in calibration.warnings():
        print(f"packsight: {warning}.", file=sys.stderr)

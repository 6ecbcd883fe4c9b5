"""`packsight train codebook --data DIR --out FILE.npz`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._settings import add_settings_flags

if TYPE_CHECKING:
    from offline.train.codebook.training import CodebookReport, CodebookRun

NOTES_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add(
        "--data", type=Path, required=True, metavar="DIR", help="a data set or a folder of pictures"
    )
    add("--out", type=Path, required=True, metavar="FILE.npz")
    add("--split", metavar="NAME", help="whose pictures (default: train, or the only one)")
    add("--detector", choices=("sift", "orb"), default="sift")
    add(
        "--words",
        type=int,
        default=64,
        metavar="K",
        help="cluster centres (default: 64, for VLAD; a bag of words wants 1000 and more)",
    )
    add("--no-root", action="store_true", help="plain SIFT instead of RootSIFT")
    add(
        "--max-features",
        type=int,
        default=500,
        metavar="N",
        help="the strongest of a picture (default: 500)",
    )
    add("--unmasked", action="store_true", help="features of the background too")
    add(
        "--features",
        type=int,
        default=300_000,
        metavar="N",
        help="of all pictures together, which are then drawn by --seed (default: 300000)",
    )
    add("--seed", type=int, default=0)
    add("--quiet", action="store_true", help="no progress")
    add_settings_flags(parser, default="classic; its stages up to the cutout are used")


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from offline.train.codebook.training import train_codebook
    from packsight.commands._progress import bar
    from stages.profiles import DEFAULT, read_profile

    settings = load(read_profile(args.profile or DEFAULT), file=args.config, flags=args.overrides)
    with bar("describing", show=not args.quiet) as progress:
        report = train_codebook(_asked(args), settings, progress)
    _say_notes(report)
    spec = report.codebook.spec
    print(
        f"{args.out}: {len(report.codebook.words)} words of {report.features} {spec.detector} "
        f"features in {report.pictures} pictures"
    )
    options = f'codebook = "{args.out}", detector = "{spec.detector}"'
    rooted = "" if spec.root else ", root = false"
    print(f'use it with [embed] name = "local_features", {options}{rooted}')
    return 0


def _say_notes(report: CodebookReport) -> None:
    for note in report.notes[:NOTES_SHOWN]:
        print(note, file=sys.stderr)
    if len(report.notes) > NOTES_SHOWN:
        print(f"and {len(report.notes) - NOTES_SHOWN} more were left out", file=sys.stderr)


def _asked(args: argparse.Namespace) -> CodebookRun:
    from engine.errors import ConfigError
    from offline.train.codebook.training import CodebookRun
    from stages.embed._keypoints import FeatureSpec

    if args.max_features < 1 or args.seed < 0:
        raise ConfigError("--max-features must be at least 1 and --seed not negative.")
    spec = FeatureSpec(args.detector, not args.no_root, args.max_features, not args.unmasked)
    return CodebookRun(
        data=args.data,
        out=args.out,
        split=args.split,
        words=args.words,
        spec=spec,
        features=args.features,
        seed=args.seed,
    )

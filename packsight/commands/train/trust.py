"""`packsight train trust`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_settings_flags

if TYPE_CHECKING:
    from offline.train.trust_run import TrustRun


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        type=Path,
        required=True,
        metavar="DIR",
        help="a data set whose pictures have true masks",
    )
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.toml")
    parser.add_argument("--split", nargs="+", metavar="NAME", help="fit on these (default: all)")
    parser.add_argument(
        "--test-split",
        nargs="+",
        metavar="NAME",
        default=[],
        help="report on these too; they take no part in the fit",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="pictures a split, drawn by --seed")
    parser.add_argument(
        "--second-look",
        action="store_true",
        help="fit the agreement of two looks too; twice the time",
    )
    parser.add_argument(
        "--right-iou", type=float, metavar="X", help="IoU with the truth from which a mask is right"
    )
    parser.add_argument(
        "--wrong-cost",
        type=float,
        metavar="C",
        help="cost of a wrong mask that is used; 1: that of a right one that is not",
    )
    parser.add_argument(
        "--known-as",
        nargs="+",
        metavar="NAME",
        default=[],
        help="names in the weights catalogue of the same network",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quiet", action="store_true", help="no progress")
    add_settings_flags(parser, default="classic; [segment] makes the masks")


def run(args: argparse.Namespace) -> int:
    from engine.config import load
    from offline.train.trust_run import train_trust
    from packsight.commands._terminal import bar
    from stages.profiles import DEFAULT, read_profile

    settings = load(read_profile(args.profile or DEFAULT), file=args.config, flags=args.overrides)
    with bar("segmenting", show=not args.quiet) as progress:
        print(train_trust(_asked(args), settings, progress).text())
    return 0


def _asked(args: argparse.Namespace) -> TrustRun:
    from offline.metrics.masks import CORRECT_IOU
    from offline.train.trust import WRONG_COST, Fit
    from offline.train.trust_run import TrustRun

    return TrustRun(
        data=args.data,
        out=args.out,
        splits=tuple(args.split or ()),
        test_splits=tuple(args.test_split),
        limit=args.limit,
        second_look=args.second_look,
        known_as=tuple(args.known_as),
        fit=Fit(
            CORRECT_IOU if args.right_iou is None else args.right_iou,
            WRONG_COST if args.wrong_cost is None else args.wrong_cost,
            args.seed,
        ),
    )

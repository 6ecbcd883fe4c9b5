"""The flags that say which pictures a training learns from and which judge it."""

from __future__ import annotations

import argparse


def add_split_flags(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--train-split", metavar="NAME", help="(default: train)")
    group.add_argument("--validation-split", metavar="NAME", help="(default: validation or val)")
    group.add_argument(
        "--hold-out",
        default="split",
        metavar="split|picture|product|family",
        choices=("split", "picture", "product", "family"),
        help="validation is the data set's split (default), or a fifth of both "
        "splits, whole products or families at a time",
    )

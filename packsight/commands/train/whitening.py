"""`packsight train whitening --gallery DIR --out FILE.npz`."""

from __future__ import annotations

import argparse
from pathlib import Path

# fmt: off
_TEXTS = {
    "gallery": "whose vectors it is fitted to; not whitened itself",
    "method": "learned: from pictures that match (default); pca: needs no labels",
    "dimension": "axes to keep, the most telling ones (default: all that the vectors span)",
    "shrinkage": "0 to 1: how far the spread of matching pairs is drawn to its mean "
                 "(default: 0.1; pca: 0)",
    "group": "pictures match that have the same product (default) or attribute NAME",
    "pairs": "pairs to fit to instead: columns a, b (pictures as the gallery has them), match",
}
# fmt: on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--gallery", type=Path, required=True, metavar="DIR", help=_TEXTS["gallery"])
    add("--out", type=Path, required=True, metavar="FILE.npz")
    add("--method", choices=("learned", "pca"), default="learned", help=_TEXTS["method"])
    add("--dimension", type=_positive, metavar="D", help=_TEXTS["dimension"])
    add("--shrinkage", type=float, metavar="S", help=_TEXTS["shrinkage"])
    add("--group", default="product", metavar="NAME", help=_TEXTS["group"])
    add("--pairs", type=Path, metavar="FILE.csv", help=_TEXTS["pairs"])


def run(args: argparse.Namespace) -> int:
    from dataclasses import fields

    from offline.train.whitening.training import WhiteningRun, train_whitening

    names = [field.name for field in fields(WhiteningRun)]
    artefact = train_whitening(WhiteningRun(**{name: getattr(args, name) for name in names}))
    figures = artefact.figures
    matching = figures.get("matching_pairs")
    said = "" if matching is None else f", from {matching:.0f} matching pairs"
    print(
        f"{artefact.method} whitening of {figures['pictures']:.0f} vectors: "
        f"{figures['from']:.0f} to {figures['to']:.0f} dimensions{said}"
    )
    print(f'{args.out}: use it with [whiten] name = "fitted", weights = "{args.out}"')
    return 0


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number, at least 1, not {text!r}")
    return int(text)

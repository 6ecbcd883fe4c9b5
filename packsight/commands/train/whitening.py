"""`packsight train whitening --gallery DIR --out FILE.npz`."""

from __future__ import annotations

import argparse

from offline.train.whitening.recipe import WhiteningRecipe
from packsight.commands.train._flags import add_recipe_flags, recipe_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, WhiteningRecipe)


def run(args: argparse.Namespace) -> int:
    from offline.train.whitening.training import train_whitening

    trained = train_whitening(recipe_of(args, WhiteningRecipe))
    artefact, judged = trained.artefact, trained.judged
    values = artefact.figures
    matching = values.get("matching_pairs")
    source = "" if matching is None else f", from {matching:.0f} matching pairs"
    print(
        f"{artefact.method} whitening of {values['pictures']:.0f} vectors: "
        f"{values['from']:.0f} to {values['to']:.0f} dimensions{source}"
    )
    print(f'{args.out}: use it with [whiten] name = "fitted", weights = "{args.out}"')
    if judged is None or judged.gain is None:
        why = "" if judged is None else f": {judged.why}"
        print(f"not judged on products left out{why}")
    else:
        print(
            f"mean average precision {judged.gain:+.3f} [{judged.low:+.3f}, {judged.high:+.3f}] "
            f"{judged.why}{'' if judged.taken else ': no gain beyond noise'}"
        )
    print(
        f"without a file and a new ingest: packsight adapt {args.gallery} whitens the gallery "
        "itself, chooses shrinkage and dimension, and takes it where it gains"
    )
    return 0

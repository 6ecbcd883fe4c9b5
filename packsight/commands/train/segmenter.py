"""`packsight train segmenter --data DIR --out DIR`."""

from __future__ import annotations

import argparse

from offline.train.segmenter.recipe import SegmenterRecipe
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import add_run_flags, callbacks_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, SegmenterRecipe)
    add_run_flags(parser)


def run(args: argparse.Namespace) -> int:
    from offline.train.segmenter.training import train_segmenter

    recipe = recipe_of(args, SegmenterRecipe)
    with callbacks_of(
        args, loss=("loss", ".4f"), score=("IoU", ".4f"), mae=("MAE", ".4f")
    ) as callbacks:
        trained = train_segmenter(recipe, args.out, callbacks)
    for reason in trained.left_out:
        print(f"left out: {reason}")
    if trained.before is not None:
        print(f"start: IoU {trained.before['score']:.4f}, MAE {trained.before['mae']:.4f}")
    last = trained.history[-1]
    print(f"trained: IoU {last['score']:.4f}, MAE {last['mae']:.4f} on the validation images")
    model = trained.model
    print(f'{model}: runs with [segment] name = "u2net", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0

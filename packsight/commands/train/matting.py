"""`packsight train matting --data DIR --out DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from offline.train.matting.recipe import MattingRecipe
from packsight.commands._arguments import positive
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import add_run_flags, callbacks_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, MattingRecipe)
    add_run_flags(parser)
    parser.add_argument(
        "--saliency",
        type=Path,
        metavar="DIR",
        help="folder for the segmenter's mattes, which several runs may share (default: in --out)",
    )
    parser.add_argument(
        "--threads", metavar="N", type=positive, help="threads of torch (default: all cores)"
    )


def run(args: argparse.Namespace) -> int:
    from weights.frameworks.network import import_framework

    torch = import_framework("torch")  # before the modules whose networks are classes of it
    import_framework("onnxscript")  # missing, it would be missed after the training
    from offline.train.matting.training import train_matting

    if args.threads:
        torch.set_num_threads(args.threads)
    recipe = recipe_of(args, MattingRecipe)
    with callbacks_of(args, loss=("loss", ".4f"), mae=("MAE", ".4f")) as callbacks:
        trained = train_matting(recipe, args.out, callbacks, saliency=args.saliency)
    print(trained.card.read_text("utf-8"))
    print(f'Use it: [matting] name = "fba", weights = "{trained.model}"')
    return 0

"""`packsight train embedder --data DIR --out DIR`."""

from __future__ import annotations

import argparse

from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.run import Splits
from packsight.commands._arguments import add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import add_run_flags, callbacks_of, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, "data sets", several=True, cache=True)
    add_recipe_flags(parser, EmbedderRecipe)
    add_recipe_flags(parser, Splits, parser.add_argument_group("splits"))
    add_settings_flags(parser, default="paper; its segment, matting, trust and cutout count")


def run(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.datasets.joined import joined
    from offline.train.embedder.training import train_embedder

    recipe, splits = recipe_of(args, EmbedderRecipe), recipe_of(args, Splits)
    settings = settings_of(args, "paper")
    with callbacks_of(
        args,
        loss=("loss", ".4f"),
        score=("mAP", ".4f"),
        recall_1=("R@1", ".4f"),
    ) as callbacks:
        trained = train_embedder(
            joined([open_dataset(root) for root in args.data]),
            args.out,
            recipe,
            settings,
            splits=splits,
            cache=args.cache,
            callbacks=callbacks,
        )
    before, best, model = trained.before or {}, trained.best, trained.model
    print(f"start: mAP {before['score']:.4f}, R@1 {before['recall_1']:.4f}")
    print(
        f"trained: mAP {best['score']:.4f}, R@1 {best['recall_1']:.4f} (epoch {best['epoch']:.0f})"
    )
    print(f'{model}: runs with [embed] name = "onnx", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0

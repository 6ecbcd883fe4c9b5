"""`packsight train embedder --data DIR --out DIR`."""

from __future__ import annotations

import argparse

from offline.train.embedder.recipe import EmbedderRecipe
from offline.train.run_options import Splits
from packsight.commands._arguments import add_settings_flags
from packsight.commands.train._flags import (
    add_recipe_flags,
    add_run_flags,
    print_note,
    recipe_of,
    settings_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, "data set", cache=True)
    add_recipe_flags(parser, EmbedderRecipe)
    add_recipe_flags(parser, Splits, parser.add_argument_group("splits"))
    add_settings_flags(parser, default="paper; its segment, matting, trust and cutout count")


def run(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.train.embedder.training import train_embedder
    from offline.train.run_options import Callbacks
    from packsight.commands._terminal import bar

    recipe, splits = recipe_of(args, EmbedderRecipe), recipe_of(args, Splits)
    settings = settings_of(args, "paper")
    show = not args.quiet
    with bar("cutting", show=show) as cut, bar("training", show=show) as train:
        trained = train_embedder(
            open_dataset(args.data),
            args.out,
            recipe,
            settings,
            splits=splits,
            cache=args.cache,
            callbacks=Callbacks(cut, train, _print_epoch if show else None, print_note),
        )
    before, best, model = trained.before, trained.best, trained.report.path
    print(f"start: mAP {before['score']:.4f}, R@1 {before['recall_1']:.4f}")
    print(
        f"trained: mAP {best['score']:.4f}, R@1 {best['recall_1']:.4f} (epoch {best['epoch']:.0f})"
    )
    print(f'{model}: runs with [embed] name = "onnx", weights = "{model}"')
    print(f"card: {trained.card}")
    return 0


def _print_epoch(values: dict[str, float]) -> None:
    print(
        f"epoch {values['epoch']:.0f}: loss {values['loss']:.4f}, "
        f"mAP {values['score']:.4f}, R@1 {values['recall_1']:.4f}",
        flush=True,
    )

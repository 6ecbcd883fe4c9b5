"""`packsight train classifier --data DIR --out DIR`."""

from __future__ import annotations

import argparse

from offline.train.classifier.recipe import ClassifierRecipe, ClassifierSplits
from packsight.commands._arguments import add_settings_flags
from packsight.commands.train._flags import (
    add_recipe_flags,
    add_run_flags,
    print_note,
    recipe_of,
    settings_of,
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, "data set, or a folder of images for each category", cache=True)
    add_recipe_flags(parser, ClassifierRecipe)
    add_recipe_flags(parser, ClassifierSplits, parser.add_argument_group("splits"))
    add_settings_flags(parser, default="paper; its segment, matting, trust and cutout count")


def run(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.train.classifier.training import train_classifier
    from offline.train.run_options import Callbacks
    from packsight.commands._terminal import bar

    recipe, splits = recipe_of(args, ClassifierRecipe), recipe_of(args, ClassifierSplits)
    settings = settings_of(args, "paper")
    show = not args.quiet
    with bar("cutting", show=show) as cut, bar("training", show=show) as train:
        trained = train_classifier(
            open_dataset(args.data),
            args.out,
            recipe,
            settings,
            splits=splits,
            cache=args.cache,
            callbacks=Callbacks(cut, train, _print_epoch if show else None, print_note),
        )
    values = trained.values
    print(
        f"{trained.model}: {values['accuracy']:.1%} of {values['validation_pictures']:.0f} "
        f"validation images correct, ECE {values['ece_before']:.3f} -> "
        f"{values['ece_after']:.3f}, {values['parameters']:,.0f} parameters"
    )
    print(f"card: {trained.card}")
    return 0


def _print_epoch(values: dict[str, float]) -> None:
    print(
        f"epoch {values['epoch']:.0f}: loss {values['loss']:.4f}, accuracy "
        f"{values['accuracy']:.4f}; validation loss {values['val_loss']:.4f}, accuracy "
        f"{values['val_accuracy']:.4f}; learning rate {values['rate']:g}",
        flush=True,
    )

"""`packsight train classifier --data DIR --out DIR`."""

from __future__ import annotations

import argparse

from offline.train.classifier.recipe import ClassifierRecipe, ClassifierSplits
from packsight.commands._arguments import add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import add_run_flags, callbacks_of, gallery_settings_of
from stages.profiles import DEFAULT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_run_flags(parser, "data set, or a folder of images for each category", cache=True)
    add_recipe_flags(parser, ClassifierRecipe)
    add_recipe_flags(parser, ClassifierSplits, parser.add_argument_group("splits"))
    parser.add_argument(
        "--gallery",
        metavar="DIR",
        help="gallery that the classifier is for: images are cut by its settings",
    )
    add_settings_flags(parser, default=f"that of --gallery, else {DEFAULT}; how it cuts counts")


def run(args: argparse.Namespace) -> int:
    from offline.datasets import open_dataset
    from offline.train.classifier.training import cutting_in_words, train_classifier

    recipe, splits = recipe_of(args, ClassifierRecipe), recipe_of(args, ClassifierSplits)
    settings = gallery_settings_of(args)
    with callbacks_of(
        args,
        loss=("loss", ".4f"),
        accuracy=("accuracy", ".4f"),
        val_loss=("validation loss", ".4f"),
        val_accuracy=("validation accuracy", ".4f"),
        rate=("learning rate", "g"),
    ) as callbacks:
        trained = train_classifier(
            open_dataset(args.data),
            args.out,
            recipe,
            settings,
            splits=splits,
            cache=args.cache,
            callbacks=callbacks,
        )
    values = trained.metrics
    print(
        f"{trained.model}: {values['accuracy']:.1%} of {values['validation_pictures']:.0f} "
        f"validation images correct, ECE {values['ece_before']:.3f} -> "
        f"{values['ece_after']:.3f}, {values['parameters']:,.0f} parameters"
    )
    print(f"images cut by {cutting_in_words(settings)}")
    print(f"card: {trained.card}")
    return 0

"""`packsight train codebook --data DIR --out FILE.npz`."""

from __future__ import annotations

import argparse

from offline.train.codebook.recipe import CodebookRecipe
from packsight.commands._arguments import add_quiet_flag, add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import settings_of
from stages.profiles import DEFAULT

NOTES_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, CodebookRecipe)
    add_quiet_flag(parser)
    add_settings_flags(parser, default=f"{DEFAULT}; its stages up to the cutout are used")


def run(args: argparse.Namespace) -> int:
    from offline.train.codebook.training import train_codebook
    from packsight.commands._terminal import bar, print_faults

    recipe, settings = recipe_of(args, CodebookRecipe), settings_of(args)
    with bar("describing", show=not args.quiet) as progress:
        report = train_codebook(recipe, settings, progress)
    print_faults(report.notes, NOTES_SHOWN)
    spec = report.codebook.spec
    print(
        f"{args.out}: {len(report.codebook.words)} words of {report.features} {spec.detector} "
        f"features in {report.images} images"
    )
    options = f'codebook = "{args.out}", detector = "{spec.detector}"'
    rooted = "" if spec.root else ", root = false"
    print(f'use it with [embed] name = "local_features", {options}{rooted}')
    return 0

"""`packsight train category-head --data DIR --out FILE.json`."""

from __future__ import annotations

import argparse

from offline.train.category_head.recipe import HeadRecipe
from packsight.commands._arguments import add_quiet_flag, add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import settings_of
from stages.profiles import DEFAULT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, HeadRecipe)
    add_quiet_flag(parser)
    add_settings_flags(parser, default=f"{DEFAULT}; its stages up to the vector are used")


def run(args: argparse.Namespace) -> int:
    from offline.train.category_head.training import train_category_head
    from packsight.commands._terminal import bar

    recipe, settings = recipe_of(args, HeadRecipe), settings_of(args)
    with bar("describing", show=not args.quiet) as progress:
        report = train_category_head(recipe, settings, progress)
    found = report.file.figures
    print(
        f"{len(report.file.head.names)} categories, {found['images']:.0f} images, each predicted "
        f"by a head without its family: accuracy {found['accuracy']:.3f}, calibration error "
        f"{found['ece']:.3f}, {found['route_searched']:.1f} categories searched hold the true one "
        f"in {found['route_reach']:.3f}"
    )
    if "unknown_found" in found:
        print(
            f"of {found['unknown_images']:.0f} unknown images {found['unknown_found']:.1%} are "
            "found to be"
        )
    for note in report.notes:
        print(note)
    print(f'{recipe.out}: use it with [classify] name = "nearest", head = "{recipe.out}"')
    return 0

"""`packsight train trust --data DIR --out FILE.toml`."""

from __future__ import annotations

import argparse

from offline.train.trust.recipe import TrustRecipe
from packsight.commands._arguments import add_quiet_flag, add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import settings_of
from stages.profiles import DEFAULT


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, TrustRecipe)
    add_quiet_flag(parser)
    add_settings_flags(parser, default=f"{DEFAULT}; [segment] makes the masks")


def run(args: argparse.Namespace) -> int:
    from offline.train.trust.training import train_trust
    from packsight.commands._terminal import bar

    recipe, settings = recipe_of(args, TrustRecipe), settings_of(args)
    with bar("segmenting", show=not args.quiet) as progress:
        report = train_trust(recipe, settings, progress)
    print(report.text())
    return 0

"""`packsight train codebook --data DIR --out FILE.npz`."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from offline.train.codebook.recipe import CodebookRecipe
from packsight.commands._arguments import add_quiet_flag, add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from packsight.commands.train._run import settings_of

if TYPE_CHECKING:
    from offline.train.codebook.training import CodebookReport

NOTES_SHOWN = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, CodebookRecipe)
    add_quiet_flag(parser)
    add_settings_flags(parser, default="classic; its stages up to the cutout are used")


def run(args: argparse.Namespace) -> int:
    from offline.train.codebook.training import train_codebook
    from packsight.commands._terminal import bar

    recipe, settings = recipe_of(args, CodebookRecipe), settings_of(args)
    with bar("describing", show=not args.quiet) as progress:
        report = train_codebook(recipe, settings, progress)
    _print_notes(report)
    spec = report.codebook.spec
    print(
        f"{args.out}: {len(report.codebook.words)} words of {report.features} {spec.detector} "
        f"features in {report.images} images"
    )
    options = f'codebook = "{args.out}", detector = "{spec.detector}"'
    rooted = "" if spec.root else ", root = false"
    print(f'use it with [embed] name = "local_features", {options}{rooted}')
    return 0


def _print_notes(report: CodebookReport) -> None:
    for note in report.notes[:NOTES_SHOWN]:
        print(note, file=sys.stderr)
    if len(report.notes) > NOTES_SHOWN:
        print(f"and {len(report.notes) - NOTES_SHOWN} more were left out", file=sys.stderr)

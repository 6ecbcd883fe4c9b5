"""`packsight train reranker --data DIR --out FILE.json`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from offline.train.reranker.recipe import RerankerRecipe
from packsight.commands._arguments import add_quiet_flag, add_settings_flags
from packsight.commands.train._flags import add_recipe_flags, recipe_of
from stages.profiles import DEFAULT

if TYPE_CHECKING:
    from offline.train.reranker.training import Trained


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_recipe_flags(parser, RerankerRecipe)
    parser.add_argument(
        "--cache",
        type=Path,
        metavar="DIR",
        help="folder for descriptions, so that a stopped run continues (default: the user's)",
    )
    add_quiet_flag(parser)
    add_settings_flags(parser, default=f"{DEFAULT}; its stages and its search are used")


def run(args: argparse.Namespace) -> int:
    from engine.user_folders import user_cache
    from offline.train.reranker.training import train_reranker
    from packsight.commands._terminal import bar
    from stages.open_settings import settings_for

    recipe, config = recipe_of(args, RerankerRecipe), Path(args.config) if args.config else None
    settings = settings_for(None, profile=args.profile, config=config, overrides=args.overrides)
    with bar("describing and fitting", show=not args.quiet) as progress:
        trained = train_reranker(recipe, settings, args.cache or user_cache("evaluate"), progress)
    print(_text(trained, args.out))
    return 0


def _text(trained: Trained, out: Path) -> str:
    from offline.train.reranker.card import table, verdict
    from offline.train.reranker.training import card_path

    artefact = trained.artefact
    lines = [
        f"{artefact.recipe}, on {artefact.trained_on}",
        verdict(artefact),
        "On queries that neither the fit nor the choice saw:",
        table(artefact.nested),
        f'{out}: use it with [rerank] name = "learned", weights = "{out}"',
        f"card: {card_path(out)}",
    ]
    if trained.faults:
        lines.append(f"{len(trained.faults)} images left out, such as: {trained.faults[0]}")
    return "\n".join(lines)

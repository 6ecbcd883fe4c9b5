"""`packsight train reranker --data DIR --out FILE.json`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from packsight.commands._arguments import add_settings_flags

if TYPE_CHECKING:
    from offline.train.reranker.training import RerankerRun, Trained

MODELS = ("logistic", "boosting", "best")

# fmt: off
_TEXTS = {
    "data": "a data set with retrieval protocols",
    "protocol": "learn from its queries; several: A,B (default: validation, queries or val)",
    "model": "what may be fitted; best: whichever answers validation best (default)",
    "top_n": "candidates a query (default: 20)",
    "folds": "parts that take turns in validating (default: 5)",
    "cache": "keeps descriptions, so that a stopped run goes on (default: the user's cache folder)",
}
# fmt: on


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help=_TEXTS["data"])
    add("--protocol", default="", metavar="A,B", help=_TEXTS["protocol"])
    add("--out", type=Path, required=True, metavar="FILE.json", help="its card goes beside it")
    add("--model", choices=MODELS, default="best", help=_TEXTS["model"])
    add("--top-n", type=int, default=20, metavar="N", help=_TEXTS["top_n"])
    add("--folds", type=int, default=5, metavar="K", help=_TEXTS["folds"])
    add("--seed", type=int, default=0)
    add("--cache", type=Path, metavar="DIR", help=_TEXTS["cache"])
    add("--quiet", action="store_true", help="no progress")
    add_settings_flags(parser, default="classic; who describes the images, and the search")


def run(args: argparse.Namespace) -> int:
    from offline.train.reranker.training import train_reranker
    from packsight.commands._arguments import user_cache
    from packsight.commands._terminal import bar
    from stages.open_settings import settings_for

    config = Path(args.config) if args.config else None
    settings = settings_for(None, profile=args.profile, config=config, overrides=args.overrides)
    with bar("describing and fitting", show=not args.quiet) as progress:
        trained = train_reranker(_asked(args), settings, args.cache or user_cache(), progress)
    print(_told(trained, args.out))
    return 0


def _asked(args: argparse.Namespace) -> RerankerRun:
    from offline.train.reranker.training import RerankerRun

    return RerankerRun(
        data=args.data,
        out=args.out,
        protocols=tuple(name.strip() for name in args.protocol.split(",") if name.strip()),
        model=args.model,
        top_n=args.top_n,
        folds=args.folds,
        seed=args.seed,
    )


def _told(trained: Trained, out: Path) -> str:
    from offline.train.reranker.card import table, verdict
    from offline.train.reranker.training import card_path

    artefact = trained.artefact
    lines = [
        f"{artefact.recipe}, on {artefact.trained_on}",
        verdict(artefact),
        "On queries that neither the fit nor the choice saw:",
        table(artefact.nested),
        f'{out}: use it with [rerank] name = "learned", weights = "{out}"; '
        f"what it looks at: {card_path(out)}",
    ]
    if trained.faults:
        lines.append(f"{len(trained.faults)} images left out, such as: {trained.faults[0]}")
    return "\n".join(lines)

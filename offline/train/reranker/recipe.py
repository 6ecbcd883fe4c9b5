"""What decides how a reranker comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError
from offline.train.flags import check_flags, flag, names_of

SUFFIX = ".json"
# Protocols that data sets offer for validation; those of the final test are left alone.
BY_DEFAULT = ("validation", "queries", "val")


@dataclass(frozen=True)
class RerankerRecipe:
    """No ``protocols``: those in BY_DEFAULT, or the only one there is."""

    data: Path = field(metadata=flag("data set with retrieval protocols", metavar="DIR"))
    out: Path = field(
        metadata=flag("reranker to write; its card and its trees go beside it", metavar="FILE.json")
    )
    protocols: tuple[str, ...] = field(
        default=(),
        metadata=flag(
            "protocol whose queries to learn from, or several",
            name="protocol",
            metavar="A,B",
            parse=names_of,
            absent="validation, queries and val, or the only one",
        ),
    )
    model: Literal["logistic", "boosting", "best"] = field(
        default="best",
        metadata=flag("model to fit, or best: whichever has the highest MRR on validation"),
    )
    top_n: int = field(default=20, metadata=flag("candidates of a query", least=2))
    folds: int = field(default=5, metadata=flag("folds of the cross-validation", least=2))
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)
        if self.out.suffix != SUFFIX:
            raise ConfigError(f"{self.out}: the file must be named *{SUFFIX}.")

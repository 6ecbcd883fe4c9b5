"""What decides how a whitening comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from offline.train.flags import check_flags, flag


@dataclass(frozen=True)
class WhiteningRecipe:
    """``group``: what makes images match, the product or the value of an attribute that the
    gallery holds, such as a family; ``pairs``: a list of pairs instead."""

    gallery: Path = field(
        metadata=flag("gallery whose vectors it is fitted to, not whitened itself", metavar="DIR")
    )
    out: Path = field(metadata=flag("whitening to write", metavar="FILE.npz"))
    method: Literal["learned", "pca"] = field(
        default="learned",
        metadata=flag("learned, from images that match, or pca, which needs no labels"),
    )
    dimension: int | None = field(
        default=None,
        metadata=flag(
            "dimensions to keep, those of most variance",
            metavar="D",
            absent="all that the vectors span",
            least=1,
        ),
    )
    shrinkage: float | None = field(
        default=None,
        metadata=flag(
            "shrinkage of the matching pairs' spread towards its mean, from 0 to 1",
            metavar="S",
            absent="0.1; pca: 0",
        ),
    )
    group: str = field(
        default="product",
        metadata=flag("images match that have the same product, or the same attribute NAME"),
    )
    pairs: Path | None = field(
        default=None,
        metadata=flag(
            "pairs to fit to instead: columns a, b (images as the gallery has them), match",
            metavar="FILE.csv",
        ),
    )

    def __post_init__(self) -> None:
        check_flags(self)

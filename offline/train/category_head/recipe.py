"""What decides how a category head comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from offline.train.flags import check_flags, flag


@dataclass(frozen=True)
class HeadRecipe:
    """No ``splits``: all of the data set. ``unknown``: images of no known category; without them
    the threshold keeps all but one in a hundred of the held-out images."""

    data: tuple[Path, ...] = field(metadata=flag("data sets with categories", metavar="DIR"))
    out: Path = field(metadata=flag("category head to write", metavar="FILE.json"))
    splits: tuple[str, ...] = field(
        default=(), metadata=flag("splits to fit to", name="split", absent="all")
    )
    unknown: Path | None = field(
        default=None,
        metadata=flag(
            "folder of images of no known category, to fit the threshold of unknown images",
            metavar="DIR",
        ),
    )
    cache: Path | None = field(
        default=None,
        metadata=flag(
            "folder for cutouts and vectors, which several runs may share",
            metavar="DIR",
            absent="a temporary one",
        ),
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)

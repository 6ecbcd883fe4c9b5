"""What decides how a trust file comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from offline.train.flags import check_flags, flag

# The cost of using an incorrect mask, with that of discarding a correct one as 1: used is then what
# is likelier correct than not. benchmarks/mask_trust.py measures the cost for a chain.
INCORRECT_COST = 1.0


@dataclass(frozen=True)
class TrustRecipe:
    """No ``splits``: all of the data set but ``test_splits``. ``known_as``: names in the catalogue
    of weights under which the same network may be used."""

    data: Path = field(metadata=flag("data set with ground-truth masks", metavar="DIR"))
    out: Path = field(metadata=flag("trust file to write", metavar="FILE.toml"))
    splits: tuple[str, ...] = field(
        default=(), metadata=flag("splits to fit to", name="split", absent="all")
    )
    test_splits: tuple[str, ...] = field(
        default=(),
        metadata=flag("splits to report on that take no part in the fit", name="test-split"),
    )
    limit: int | None = field(
        default=None,
        metadata=flag("images of a split at most, drawn by --seed", absent="all", least=1),
    )
    second_look: bool = field(
        default=False,
        metadata=flag("fit the agreement of two segmentations too, in twice the time"),
    )
    correct_iou: float | None = field(
        default=None,
        metadata=flag(
            "IoU with the ground truth from which a mask counts as correct",
            "--right-iou",
            absent="0.8, as in reports",
            above=0,
        ),
    )
    incorrect_cost: float = field(
        default=INCORRECT_COST,
        metadata=flag(
            "cost of using an incorrect mask, where discarding a correct one costs 1",
            "--wrong-cost",
            metavar="C",
            above=0,
        ),
    )
    known_as: tuple[str, ...] = field(
        default=(), metadata=flag("names of the same network in the catalogue of weights")
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)

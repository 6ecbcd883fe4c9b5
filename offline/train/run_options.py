"""What a run is given besides its recipe: the splits it learns from and its callbacks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from offline.train.flags import check_flags, flag

if TYPE_CHECKING:
    from engine.types import Progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Splits:
    """Which images are learned from and which validate; see ``hold_out.divided_splits``."""

    train: str | None = field(
        default=None,
        metadata=flag("split to learn from", name="train-split", absent="train"),
    )
    validation: str | None = field(
        default=None,
        metadata=flag("split to validate on", name="validation-split", absent="validation or val"),
    )
    hold_out: Literal["split", "image", "product", "family"] = field(
        default="split",
        metadata=flag(
            "what validation is made of: the data set's own split, or a fifth of both splits, "
            "drawn by single images, whole products or whole families",
            renamed=(("picture", "image"),),
        ),
    )

    def __post_init__(self) -> None:
        check_flags(self)


@dataclass(frozen=True)
class Callbacks:
    """Called with progress, the values of every finished epoch, and notes."""

    cutting: Progress | None = None
    training: Progress | None = None
    epoch: Callable[[dict[str, float]], None] | None = None
    note: Callable[[str], None] = _log.info

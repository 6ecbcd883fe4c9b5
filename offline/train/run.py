"""What every run is given and gives back: splits, callbacks, the trained model, its errors."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import ConfigError
from offline.train.flags import check_flags, flag

if TYPE_CHECKING:
    from engine.types import Progress
    from weights.export import ExportReport

Values = dict[str, float]  # of metrics, by name

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
            "what validation is made of: the data set's own split, or a part of both splits, "
            "drawn by single images, whole products or whole families",
            renamed=(("picture", "image"),),
        ),
    )
    folds: int = field(
        default=5,  # hold_out.FOLDS, whose module imports NumPy
        metadata=flag("one in so many images, products or families is held out", least=2),
    )

    def __post_init__(self) -> None:
        check_flags(self)


def _no_progress(title: str) -> Progress:
    return lambda done, total: None


@dataclass(frozen=True)
class Callbacks:
    """``progress``: the title of a step, such as "training", to what its progress is reported to;
    ``epoch``: called with the values of every finished epoch; ``note``: with a sentence each."""

    progress: Callable[[str], Progress] = _no_progress
    epoch: Callable[[Values], None] = lambda values: None
    note: Callable[[str], None] = _log.info


@dataclass(frozen=True)
class Trained:
    """What lies in a run's folder. ``before`` and ``history`` hold validation metrics, ``score``
    (higher is better) among those of torch trainers; ``metrics`` those of the exported file."""

    report: ExportReport
    card: Path
    history: list[Values]
    before: Values | None = None  # of what training started from
    metrics: Mapping[str, float] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()  # a sentence for every image

    @property
    def model(self) -> Path:
        return self.report.path

    @property
    def best(self) -> Values:
        """The first of the epochs with the highest score."""
        return max(self.history, key=lambda values: values["score"])


def require_finite(loss: float, epoch: int) -> float:
    """Raises ConfigError for a loss that is no number any more; ``epoch`` counts from 1."""
    if not math.isfinite(loss):
        raise ConfigError(
            f"epoch {epoch}: the loss is {loss}: the training has diverged.",
            remedy="Give a lower --learning-rate and another --out.",
        )
    return loss


def damaged_checkpoint(path: Path, error: Exception) -> ConfigError:
    reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
    return ConfigError(
        f"{path}: not a checkpoint of this run ({reason}).",
        remedy="Delete it to start the run anew.",
    )

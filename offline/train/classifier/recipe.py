"""What is to be trained, on which pictures, and who is told how far it is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

from engine.types import Progress
from offline.datasets import Dataset
from offline.datasets.hold_out import HoldOut
from offline.train.classifier.augmentation import Augmentation
from offline.train.classifier.backbones import Backbone
from offline.train.classifier.loop import Report, Schedule
from offline.train.training_set import LEAST

IMAGENET, NO_WEIGHTS = "imagenet", "none"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """What is to be trained. ``weights``: "imagenet" (from the catalogue), "none" or a path.

    ``frozen``: the trunk stays as it is, its features are kept, and the head alone learns.
    """

    backbone: Backbone
    side: int = 224
    weights: str = IMAGENET
    frozen: bool = False
    views: int = 4  # of every picture, one of them plain, whose features a frozen trunk keeps
    schedule: Schedule = field(default_factory=Schedule)
    augmentation: Augmentation = field(default_factory=Augmentation)
    learn_statistics: bool | None = None  # of batch normalisation; see ``learning``
    balanced: bool = True  # the loss weighs every category alike
    precision: str = "auto"
    seed: int = 0


@dataclass(frozen=True)
class Splits:
    """Which pictures; see ``labelled.read_labelled``. ``unknown``: a folder of pictures of no
    known category, to choose by what is called unknown."""

    train: str | None = None
    validation: str | None = None
    hold_out: HoldOut = "split"
    least: int = LEAST
    drop_small: bool = False
    unknown: Dataset | None = None


@dataclass(frozen=True)
class Listeners:
    """Who is told how far it is."""

    cutting: Progress | None = None
    training: Progress | None = None
    epoch: Report | None = None
    say: Callable[[str], None] = _log.info

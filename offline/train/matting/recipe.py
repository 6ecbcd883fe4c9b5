"""What decides how a matting network comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from engine.errors import ConfigError
from offline.train.flags import check_flags, flag

ARCHITECTURES = {"compact": "FBACompact", "fba": "FBA"}


@dataclass(frozen=True)
class MattingRecipe:
    """All that decides what comes out, as it is kept in the run's folder."""

    data: str = field(metadata=flag("data set with mattes", metavar="DIR"))
    network: Literal["compact", "fba"] = field(
        default="compact", metadata=flag("network: compact, or the authors' fba")
    )
    start: str = field(
        default="",
        metadata=flag("state dict (.pth) to start from", metavar="FILE", absent="random weights"),
    )
    train_split: str = field(default="train", metadata=flag("split to learn from", "--split"))
    validation_split: str = field(
        default="validation", metadata=flag("split to validate on", "--validation")
    )
    limit: int | None = field(
        default=None, metadata=flag("images to learn from, at most", absent="all", least=1)
    )
    composites: int = field(
        default=600,
        metadata=flag("products before other backgrounds, besides the images", least=0),
    )
    backgrounds: str = field(
        default="",
        metadata=flag("folder of photos for the backgrounds", metavar="DIR", absent="drawn ones"),
    )
    segmenter: str = field(
        default="u2netp",
        metadata=flag("U²-Net weights of the segmenter whose mattes are to be refined"),
    )
    # An eighth of them composites.
    validation_limit: int = field(
        default=120, metadata=flag("validation images", "--judged", least=1)
    )
    epochs: int = field(default=7, metadata=flag("epochs: passes over the images", least=1))
    batch_size: int = field(default=6, metadata=flag("images a batch", "--batch", least=1))
    crop_size: int = field(
        default=192,
        metadata=flag("side of the training crops in pixels, divisible by 8", "--side", least=8),
    )
    learning_rate: float = field(default=2e-3, metadata=flag("learning rate", "--rate", above=0))
    weight_decay: float = field(default=1e-4, metadata=flag("weight decay", least=0))
    seed: int = field(default=0, metadata=flag("seed of everything random"))
    bfloat16: bool = field(
        default=False, metadata=flag("train in bfloat16: faster on a CPU that has it")
    )

    def __post_init__(self) -> None:
        check_flags(self)
        if self.crop_size % 8:
            raise ConfigError(f"--crop-size must be divisible by 8, not {self.crop_size}.")

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.network]

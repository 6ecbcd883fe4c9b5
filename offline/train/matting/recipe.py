"""All that decides what a training of matting gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from engine.errors import ConfigError

ARCHITECTURES = {"compact": "FBACompact", "fba": "FBA"}


@dataclass(frozen=True)
class MattingRecipe:
    """All that decides what comes out, as it is kept in the run's folder."""

    data: str
    network: Literal["compact", "fba"] = "compact"
    start: str = ""  # a state dict to go on from; empty: from nothing
    split: str = "train"
    validation: str = "validation"
    limit: int | None = None  # pictures of each split; None: all
    composites: int = 600  # products before other grounds, besides the pictures themselves
    backgrounds: str = ""  # folder of photos; empty: drawn grounds
    segmenter: str = "u2netp"  # weights of the stage segment.u2net, whose errors are to be mended
    judged: int = 120  # validation pictures; an eighth of them composites
    epochs: int = 7
    batch: int = 6
    side: int = 192  # of training crops, pixels
    rate: float = 2e-3
    seed: int = 0
    bfloat16: bool = False  # of the training arithmetic: faster on a CPU that has it

    def __post_init__(self) -> None:
        if self.network not in ARCHITECTURES:
            raise ConfigError(
                f"unknown matting network {self.network!r}.",
                remedy=f"Valid names: {', '.join(ARCHITECTURES)}.",
            )
        least = {"judged": 1, "epochs": 1, "batch": 1, "side": 8, "composites": 0, "limit": 1}
        for name, bound in least.items():
            value = getattr(self, name)
            if value is not None and value < bound:
                raise ConfigError(f"--{name} must be at least {bound}, not {value}.")
        if not self.rate > 0.0:
            raise ConfigError(f"--rate must be above 0, not {self.rate}.")
        if self.side % 8:
            raise ConfigError(f"--side must be divisible by 8, not {self.side}.")

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.network]

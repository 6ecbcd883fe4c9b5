"""What decides how a segmenter comes out: checked settings, and the weights it starts from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from engine.errors import ConfigError
from stages.segment.u2net import FAMILY_INPUT
from weights.catalog import load_catalog
from weights.fetch import FetchPolicy, fetch_checkpoint
from weights.input_spec import InputSpec

ARCHITECTURES = {"u2netp": "U2NETP", "u2net": "U2NET"}
NOTHING = "none"  # --start: from random weights
# The smallest input whose deepest maps still hold more than one value an image.
LEAST_SIDE = 64
# Adam's rate from nothing is the authors' (Qin et al.); a third of it, chosen and not measured, is
# to keep what a start knows.
RATE = 1e-3
TUNING_RATE = 3e-4


@dataclass(frozen=True)
class SegmenterRecipe:
    """All that decides what comes out."""

    data: Path
    network: str = "u2netp"
    start: str | None = None  # .pth, .onnx, a catalogue's name or "none"; None: the network's own
    split: str | None = None
    validation: str | None = None
    limit: int | None = None  # pictures to learn from; None: all
    judged: int | None = None  # pictures to judge by; None: all
    backgrounds: Path | None = None
    side: int = 320
    epochs: int = 20
    batch: int = 8
    rate: float | None = None  # None: by whether there is a start
    iou: float = 0.0
    ssim: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if self.network not in ARCHITECTURES:
            raise ConfigError(
                f"Unknown network {self.network!r}.",
                remedy=f"Valid names: {', '.join(ARCHITECTURES)}.",
            )
        least = {"side": LEAST_SIDE, "epochs": 1, "batch": 1, "limit": 1, "judged": 1, "seed": 0}
        for name, low in least.items():
            value = getattr(self, name)
            if value is not None and value < low:
                raise ConfigError(f"--{name} {value}: must be at least {low}.")
        for name in ("rate", "iou", "ssim"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < float("inf"):
                raise ConfigError(f"--{name} {value}: must be a number from 0 up.")

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.network]

    @property
    def spec(self) -> InputSpec:
        return replace(FAMILY_INPUT, height=self.side, width=self.side)

    def rate_from(self, start: Path | None) -> float:
        """Of learning, in the first epoch after the warm-up."""
        if self.rate is not None:
            return self.rate
        return RATE if start is None else TUNING_RATE


def find_start(recipe: SegmenterRecipe) -> Path | None:
    """The file that training starts from; None: from nothing.

    Raises WeightsError where a published checkpoint cannot be had, ConfigError for a name that is
    neither a file nor in the catalogue.
    """
    given = recipe.start or recipe.network
    if given == NOTHING:
        return None
    path = Path(given).expanduser()
    if path.is_file():
        return path
    entry = load_catalog().get(given)
    if entry is None or (entry.architecture or entry.name.upper()) != recipe.architecture:
        raise ConfigError(
            f"--start {given}: neither a file nor published weights of {recipe.architecture}.",
            remedy=f"Give a .pth or .onnx file, {recipe.network}, or {NOTHING}.",
        )
    return fetch_checkpoint(entry, FetchPolicy()).path

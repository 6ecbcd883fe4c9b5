"""What decides how a segmenter comes out, and the weights it starts from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import ConfigError
from engine.user_folders import expanded
from offline.train.flags import check_flags, flag

if TYPE_CHECKING:
    from weights.input_spec import InputSpec

LITE0 = "lite0"
ARCHITECTURES = {"u2netp": "U2NETP", "u2net": "U2NET", LITE0: "tf_efficientnet_lite0"}
PUBLISHED = {LITE0: "efficientnet_lite0"}  # names in the catalogue that differ from the network's
SIDES = {LITE0: 224}  # pixels, where it is not the family's
FAMILY_SIDE = 320
NOTHING = "none"  # --start: random weights
# The smallest input whose deepest maps still hold more than one value an image.
MIN_SIZE = 64
STRIDE = 32  # of lite0's deepest maps
# Adam's learning rate from random weights is the authors' (Qin et al.); a third of it, chosen and
# not measured, is to keep what pretrained weights know.
RATE = 1e-3
TUNING_RATE = 3e-4


@dataclass(frozen=True)
class SegmenterRecipe:
    """All that decides what comes out."""

    data: tuple[Path, ...] = field(
        metadata=flag(
            "data sets with masks, such as images/ and masks/, or a Packbench", metavar="DIR"
        )
    )
    network: Literal["u2netp", "u2net", "lite0"] = field(
        default="u2netp",
        metadata=flag(
            "network: u2netp (1.1 M parameters), u2net (44 M), or lite0 (3.2 M, the fastest)"
        ),
    )
    start: str | None = field(
        default=None,
        metadata=flag(
            "weights to start from: a .pth or .onnx file, a name of `packsight weights list`, or "
            "none for random ones",
            metavar="FILE|NAME|none",
            absent="the published weights of the network; of lite0 those of its encoder",
        ),
    )
    train_split: str | None = field(
        default=None,
        metadata=flag("split to learn from", "--split", absent="train, or the only one"),
    )
    validation_split: str | None = field(
        default=None,
        metadata=flag(
            "split to validate on",
            "--validation",
            absent="validation; else one image in ten is held out",
        ),
    )
    hold_out: Literal["split", "image", "product", "family"] = field(
        default="split",
        metadata=flag(
            "what validation is made of: the data set's own split, or a fifth of all splits, drawn "
            "by single images, whole products or whole families"
        ),
    )
    limit: int | None = field(
        default=None, metadata=flag("images to learn from, at most", absent="all", least=1)
    )
    validation_limit: int | None = field(
        default=None, metadata=flag("validation images, at most", "--judged", absent="all", least=1)
    )
    backgrounds: Path | None = field(
        default=None,
        metadata=flag("folder of photos to put behind the products", metavar="DIR"),
    )
    scenes: float = field(
        default=0.0,
        metadata=flag(
            "fraction of images composed as photos: the product cut out, among others, in a hand",
            least=0,
            most=1,
        ),
    )
    input_size: int | None = field(
        default=None,
        metadata=flag(
            "side of the network's input in pixels",
            "--side",
            least=MIN_SIZE,
            absent=f"{FAMILY_SIDE}, of lite0 {SIDES[LITE0]}",
        ),
    )
    epochs: int = field(default=20, metadata=flag("epochs: passes over the images", least=1))
    batch_size: int = field(default=8, metadata=flag("images a batch", "--batch", least=1))
    learning_rate: float | None = field(
        default=None,
        metadata=flag(
            "learning rate after the warm-up",
            "--rate",
            absent=f"{TUNING_RATE:g}, from random weights {RATE:g}",
            least=0,
        ),
    )
    iou_weight: float = field(
        default=0.0, metadata=flag("weight of BASNet's IoU term in the loss", "--iou", least=0)
    )
    ssim_weight: float = field(
        default=0.0, metadata=flag("weight of BASNet's SSIM term in the loss", "--ssim", least=0)
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)
        if self.network == LITE0 and self.side % STRIDE:
            raise ConfigError(
                f"--input-size {self.side}: lite0 takes multiples of {STRIDE} pixels.",
                remedy=f"Give {self.side // STRIDE * STRIDE}.",
            )

    @property
    def side(self) -> int:
        """Pixels."""
        return self.input_size or SIDES.get(self.network, FAMILY_SIDE)

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.network]

    @property
    def spec(self) -> InputSpec:
        from stages.segment.u2net import FAMILY_INPUT

        spec = replace(FAMILY_INPUT, height=self.side, width=self.side)
        if self.network != LITE0:
            return spec
        return replace(spec, range="byte", mean=(127.0,) * 3, std=(128.0,) * 3)  # the encoder's

    def learning_rate_from(self, start: Path | None) -> float:
        """In the first epoch after the warm-up."""
        if self.learning_rate is not None:
            return self.learning_rate
        return RATE if start is None else TUNING_RATE


def find_start(recipe: SegmenterRecipe) -> Path | None:
    """The file that training starts from; None: random weights.

    Raises WeightsError where a published checkpoint cannot be had, ConfigError for a name that is
    neither a file nor in the catalogue.
    """
    from weights.catalog import load_catalog
    from weights.fetch import FetchPolicy, fetch_checkpoint

    published = PUBLISHED.get(recipe.network, recipe.network)
    given = recipe.start or published
    if given == NOTHING:
        return None
    path = expanded(given)
    if path.is_file():
        return path
    entry = load_catalog().get(given)
    if entry is None or (entry.architecture or entry.name.upper()) != recipe.architecture:
        raise ConfigError(
            f"--start {given}: neither a file nor published weights of {recipe.architecture}.",
            remedy=f"Give a .pth or .onnx file, {published}, or {NOTHING}.",
        )
    return fetch_checkpoint(entry, FetchPolicy()).path

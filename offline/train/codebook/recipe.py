"""What decides how a codebook comes out."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from engine.errors import ConfigError
from offline.train.flags import check_flags, flag

if TYPE_CHECKING:
    from stages.embed._keypoints import FeatureSpec

SUFFIX = ".npz"


@dataclass(frozen=True)
class CodebookRecipe:
    """Images are taken in an order drawn by ``seed`` until there are ``total_features`` local
    features."""

    data: Path = field(metadata=flag("data set, or a folder of images", metavar="DIR"))
    out: Path = field(metadata=flag("codebook to write", metavar="FILE.npz"))
    split: str | None = field(
        default=None, metadata=flag("split to learn from", absent="train, or the only one")
    )
    detector: Literal["sift", "orb"] = field(
        default="sift", metadata=flag("detector of local features")
    )
    words: int = field(
        default=64,
        metadata=flag(
            "cluster centres; 64 suit VLAD, a bag of words wants 1000 and more",
            metavar="K",
            least=1,
        ),
    )
    root: bool = field(default=True, metadata=flag("RootSIFT instead of plain SIFT"))
    max_features: int = field(
        default=500, metadata=flag("local features of an image at most, the strongest", least=1)
    )
    masked: bool = field(
        default=True,
        metadata=flag("leave out features of the background", off_aliases=("--unmasked",)),
    )
    total_features: int = field(
        default=300_000,
        metadata=flag("local features of all images together at most", "--features", least=1),
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)
        if self.out.suffix != SUFFIX:
            raise ConfigError(f"{self.out}: the file must be named *{SUFFIX}.")

    @property
    def spec(self) -> FeatureSpec:
        from stages.embed._keypoints import FeatureSpec

        return FeatureSpec(self.detector, self.root, self.max_features, self.masked)

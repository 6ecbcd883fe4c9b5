"""What decides how a classifier comes out: backbones, schedule, augmentation, splits."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from engine.errors import ConfigError
from offline.train.flags import check_flags, flag, group
from offline.train.run import Splits

IMAGENET, NO_WEIGHTS = "imagenet", "none"
MIN_IMAGES = 2  # a category: one to learn from, one to validate on


@dataclass(frozen=True)
class Backbone:
    """``mean`` and ``std`` bring bytes to what the backbone was trained on, the same for every
    channel; EfficientNetV2 does that inside itself. ``weights``: its entry in the catalogue."""

    name: str  # in keras.applications
    mean: float
    std: float
    weights: str


# Rescaling to [-1, 1] is that of Keras' own preprocess_input for these families.
_BACKBONES = (
    Backbone("EfficientNetV2L", 0.0, 1.0, "efficientnet_v2_l_notop"),
    Backbone("EfficientNetV2S", 0.0, 1.0, "efficientnet_v2_s_notop"),
    Backbone("EfficientNetV2B0", 0.0, 1.0, "efficientnet_v2_b0_notop"),
    Backbone("MobileNetV2", 127.5, 127.5, "mobilenet_v2_keras"),
    Backbone("ResNet101V2", 127.5, 127.5, "resnet101_v2_notop"),
)
BACKBONES = {backbone.name: backbone for backbone in _BACKBONES}


@dataclass(frozen=True)
class Patience:
    """Epochs without a lower validation loss until the learning rate is multiplied by ``factor``
    (``plateau``) and until training ends (``stop``). The paper: 5, 0.5 and 10."""

    plateau: int = 5
    factor: float = 0.5
    stop: int = 10


@dataclass(frozen=True)
class Schedule:
    """The paper's: SGD with learning rate 1e-3, Nesterov momentum 0.9."""

    epochs: int = field(default=40, metadata=flag("epochs at most", least=1))
    batch_size: int = field(default=16, metadata=flag("images a batch", "--batch", least=1))
    optimiser: Literal["sgd", "adam", "rmsprop"] = field(
        default="sgd",
        metadata=flag("optimiser; SGD has Nesterov momentum 0.9", parse=str.lower),
    )
    learning_rate: float = field(default=1e-3, metadata=flag("learning rate", "--rate", above=0))
    patience: Patience = field(default_factory=Patience)


@dataclass(frozen=True)
class Augmentation:
    """The paper names the three and gives no amounts; these are usual ones for upright packages."""

    rotation: float = field(
        default=20.0, metadata=flag("rotation in degrees, at most, to either side")
    )
    zoom: float = field(
        default=0.2,
        metadata=flag("zoom, at most, in or out, as a fraction of the size", least=0, below=1),
    )
    flip: bool = field(default=True, metadata=flag("mirror half of the images horizontally"))

    @property
    def changes(self) -> bool:
        return bool(self.rotation or self.zoom or self.flip)


@dataclass(frozen=True)
class ClassifierRecipe:
    """All that decides what comes out, but for the data and how it is cut."""

    backbone: str = field(
        default="EfficientNetV2L",
        metadata=flag(f"backbone of keras.applications: {', '.join(BACKBONES)}"),
    )
    weights: str = field(
        default=IMAGENET,
        metadata=flag(
            "weights that the backbone starts from: imagenet (of the catalogue), none, or an .h5 "
            "file",
            metavar="imagenet|none|FILE",
        ),
    )
    frozen_backbone: bool = field(
        default=False,
        metadata=flag(
            "keep the backbone as it is and train the head alone, on features that are made once: "
            "minutes on a laptop",
            "--frozen-trunk",
        ),
    )
    input_size: int = field(
        default=224, metadata=flag("side of the network's input in pixels", "--side")
    )
    views: int = field(
        default=4,
        metadata=flag(
            "augmented views of every image, the plain one among them, whose features a frozen "
            "backbone keeps",
            least=1,
        ),
    )
    schedule: Schedule = field(default_factory=Schedule, metadata=group("schedule (the paper's)"))
    augmentation: Augmentation = field(
        default_factory=Augmentation, metadata=group("augmentation (0 turns one off)")
    )
    learn_statistics: bool | None = field(
        default=None,
        metadata=flag(
            "update the statistics of batch normalisation",
            absent="with --weights none, and where a checkpoint has them folded away",
        ),
    )
    refit: bool | None = field(
        default=None,
        metadata=flag(
            "train anew on all images, those of validation too, for as many epochs as validation "
            "found best: twice the time",
            absent="with --frozen-backbone",
        ),
    )
    balanced: bool = field(
        default=True,
        metadata=flag("weigh every category alike in the loss", off_aliases=("--unbalanced",)),
    )
    precision: Literal["auto", "float32", "mixed_float16"] = field(
        default="auto", metadata=flag("arithmetic; auto is mixed_float16 on a GPU")
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)
        find_backbone(self.backbone)

    @property
    def refits(self) -> bool:
        return self.frozen_backbone if self.refit is None else self.refit

    @property
    def keras_backbone(self) -> Backbone:
        return find_backbone(self.backbone)


@dataclass(frozen=True)
class ClassifierSplits(Splits):
    """``unknown``: a folder of images of no known category, which set the threshold below which
    an image counts as unknown."""

    unknown: Path | None = field(
        default=None,
        metadata=flag(
            "folder of images of no known category, to fit the threshold of unknown images",
            metavar="DIR",
        ),
    )
    min_images: int = field(
        default=MIN_IMAGES,
        metadata=flag("images that a category needs at least", "--least", least=1),
    )
    drop_small: bool = field(
        default=False, metadata=flag("leave smaller categories out instead of refusing them")
    )


def find_backbone(name: str) -> Backbone:
    """By name, ignoring case and dashes; ConfigError lists the valid ones."""
    plain = {_plain(known): backbone for known, backbone in BACKBONES.items()}
    if _plain(name) not in plain:
        raise ConfigError(f"unknown backbone {name!r}.", remedy=f"Valid: {', '.join(BACKBONES)}.")
    return plain[_plain(name)]


def _plain(name: str) -> str:
    return name.lower().replace("-", "").replace("_", "")

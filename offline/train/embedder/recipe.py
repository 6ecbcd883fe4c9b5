"""What decides how an embedder comes out: checked settings, and the weights it starts from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError
from offline.train.embedder.augmentation import Augmentation
from weights.catalog import CatalogEntry, load_catalog
from weights.export import find_exportable
from weights.fetch import TIMM, FetchPolicy, fetch_checkpoint

CATALOGUE, NOTHING = "catalogue", "none"  # --weights
DRAWN_GROUNDS = 256  # --backgrounds, where cutouts keep the ground that they were taken on

# By name, with the margin that applies where none is given: Radenović's for VGG, FaceNet's alpha,
# the same for distances that are not squared, Wang's epsilon, Deng's m.
MARGINS = {
    "contrastive": 0.7,
    "triplet": 0.2,
    "triplet_hard": 0.2,
    "multi_similarity": 0.1,
    "arcface": 0.5,
}
POOLINGS = ("gap", "mac", "gem", "gem_fixed", "gem_channel")
POSITIVES = ("product", "family", "self")
BATCHES = ("random", "family", "mined")
OPTIMISERS = ("adamw", "sgd")
STARTS = ("learned", "pca", "random")
# Adam's rate where the trunk knows something, and where it knows nothing; SGD's is 100 times that.
# Chosen, not measured.
TUNING_RATE, RATE, SGD_TIMES = 1e-4, 1e-3, 100.0
LEAST_SIDE = 32  # pixels: one place in the deepest map


@dataclass(frozen=True)
class NetworkRecipe:
    """The network and where it starts."""

    backbone: str = "mobilenet_v2"  # of the catalogue
    weights: str = CATALOGUE  # or "none", or a file
    layers: tuple[str, ...] = ()  # none: the last
    pooling: str = "gem"
    p: float = 3.0  # of GeM, at the start
    dimension: int | None = None  # of the projection; None: no projection
    projection_start: str = "learned"  # whitening
    grey: bool = False
    freeze: str = NOTHING  # "trunk", or the last stage of it that does not learn
    learn_statistics: bool | None = None  # of batch normalisation; None: without weights only


@dataclass(frozen=True)
class LearningRecipe:
    """What is minimised, over which batches."""

    loss: str = "multi_similarity"
    margin: float | None = None  # None: the loss's own, see MARGINS
    scale: float = 30.0  # of ArcFace's logits; the authors' 64 is for 85,000 classes
    positives: str = "product"
    agreement: float = 0.9  # --positives self: contour IoU from which two pictures may match
    augment_single: bool = False
    batches: str = "random"
    products: int = 8  # P
    views: int = 4  # K
    negatives: int = 5  # a mined tuple; Radenović's
    furthest: float = 1.2  # distance of a mined positive; of unit vectors, cosine 0.28
    epochs: int = 20
    optimiser: str = "adamw"
    rate: float | None = None
    decay: float = 1e-4


@dataclass(frozen=True)
class EmbedderRecipe:
    """All that decides what comes out, but for the data and how it is cut."""

    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    learning: LearningRecipe = field(default_factory=LearningRecipe)
    augmentation: Augmentation = field(default_factory=Augmentation)
    backgrounds: Path | int | None = None  # a folder of photos, or how many to draw; None: by cut
    size: int = 224
    seed: int = 0

    def __post_init__(self) -> None:
        _check_names(self.network, self.learning)
        _check_counts(self)
        _check_amounts(self.network, self.learning)

    @property
    def margin(self) -> float:
        given = self.learning.margin
        return MARGINS[self.learning.loss] if given is None else given

    @property
    def rate(self) -> float:
        """Of learning, in the first epoch after the warm-up."""
        if self.learning.rate is not None:
            return self.learning.rate
        rate = RATE if self.network.weights == NOTHING else TUNING_RATE
        return rate * SGD_TIMES if self.learning.optimiser == "sgd" else rate

    @property
    def learns_statistics(self) -> bool:
        given = self.network.learn_statistics
        return self.network.weights == NOTHING if given is None else given


def _check_names(network: NetworkRecipe, learning: LearningRecipe) -> None:
    for flag, name, valid in (
        ("loss", learning.loss, tuple(MARGINS)),
        ("pooling", network.pooling, POOLINGS),
        ("positives", learning.positives, POSITIVES),
        ("batches", learning.batches, BATCHES),
        ("optimiser", learning.optimiser, OPTIMISERS),
        ("projection-start", network.projection_start, STARTS),
    ):
        if name not in valid:
            raise ConfigError(f"unknown --{flag} {name!r}.", remedy=f"Valid: {', '.join(valid)}.")


def _check_counts(recipe: EmbedderRecipe) -> None:
    learning = recipe.learning
    for flag, count, least in (
        ("size", recipe.size, LEAST_SIDE),
        ("seed", recipe.seed, 0),
        ("dimension", recipe.network.dimension, 2),
        ("products", learning.products, 2),
        ("views", learning.views, 2),
        ("epochs", learning.epochs, 1),
        ("negatives", learning.negatives, 1),
    ):
        if count is not None and count < least:
            raise ConfigError(f"--{flag} {count}: must be at least {least}.")


def _check_amounts(network: NetworkRecipe, learning: LearningRecipe) -> None:
    for flag, amount in (
        ("rate", learning.rate),
        ("margin", learning.margin),
        ("scale", learning.scale),
        ("p", network.p),
        ("furthest", learning.furthest),
    ):
        if amount is not None and not 0 < amount < float("inf"):
            raise ConfigError(f"--{flag} {amount}: must be a number above 0.")
    if not 0 <= learning.decay < float("inf"):
        raise ConfigError(f"--decay {learning.decay}: must be a number from 0 up.")
    if not 0 <= learning.agreement <= 1:
        raise ConfigError(f"--agreement {learning.agreement}: must be from 0 to 1.")


def find_backbone(name: str) -> CatalogEntry:
    """The trunk of that name in the catalogue, or timm/NAME; ConfigError lists those there are,
    WeightsError says that timm has no such model."""
    if name.startswith(TIMM):
        return find_exportable(name)
    trunks = {entry.name: entry for entry in load_catalog().values() if entry.kind == "backbone"}
    if name not in trunks:
        valid = ", ".join(trunks)
        raise ConfigError(f"unknown --backbone {name!r}.", remedy=f"Valid: {valid}, timm/NAME.")
    return trunks[name]


def find_weights(network: NetworkRecipe, settings: Settings) -> Path | None:
    """The checkpoint that the trunk starts from; None to start from nothing.

    Raises ConfigError where a file is named that is none, WeightsError where a published one
    cannot be had.
    """
    if network.weights == NOTHING:
        return None
    if network.weights == CATALOGUE:
        directory = Path(settings.weights.directory) if settings.weights.directory else None
        policy = FetchPolicy(directory=directory, download=settings.weights.download)
        return fetch_checkpoint(find_backbone(network.backbone), policy).path
    path = Path(network.weights).expanduser()
    if not path.is_file():
        raise ConfigError(
            f"--weights {network.weights}: there is no such file.",
            remedy=f"Give a checkpoint of {network.backbone}, {CATALOGUE}, or {NOTHING}.",
        )
    return path

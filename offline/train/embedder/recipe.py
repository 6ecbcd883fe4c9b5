"""What decides how an embedder comes out: network, loss, batches, augmentation."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from offline.train.flags import check_flags, flag, group, names_of

CATALOGUE, NOTHING = "catalogue", "none"  # --weights
DRAWN_BACKGROUNDS = 256  # --backgrounds, where cutouts keep the background they were taken on

# By name, with the margin that applies where none is given: Radenović's for VGG, FaceNet's alpha,
# the same for distances that are not squared, Wang's epsilon, Deng's m.
MARGINS = {
    "contrastive": 0.7,
    "triplet": 0.2,
    "triplet_hard": 0.2,
    "multi_similarity": 0.1,
    "arcface": 0.5,
}
# Adam's learning rate where the backbone is pretrained, and where it is not; SGD's is 100 times
# that. Chosen, not measured.
TUNING_RATE, RATE, SGD_TIMES = 1e-4, 1e-3, 100.0
MIN_SIZE = 32  # pixels: one place in the deepest map


def backgrounds_of(text: str) -> int | Path:
    """How many to draw, or a folder of photos."""
    return int(text) if text.isdecimal() else Path(text)


@dataclass(frozen=True)
class NetworkRecipe:
    """The network and where it starts."""

    backbone: str = field(
        default="mobilenet_v2",
        metadata=flag("a backbone of `packsight weights list`, or timm/NAME"),
    )
    weights: str = field(
        default=CATALOGUE,
        metadata=flag(
            "weights that the backbone starts from: catalogue, none, or a file; an exported "
            "embedder, such as embedder_compact, goes on learning whole",
            metavar="catalogue|none|NAME|FILE",
        ),
    )
    layers: tuple[str, ...] = field(
        default=(),
        metadata=flag(
            "stages whose feature maps are pooled, with commas between",
            parse=names_of,
            metavar="NAME,NAME",
            absent="the last",
        ),
    )
    pooling: Literal["gap", "mac", "gem", "gem_fixed", "gem_channel"] = field(
        default="gem", metadata=flag("global pooling; gem learns its exponent")
    )
    gem_p: float = field(
        default=3.0, metadata=flag("exponent of GeM pooling at the start", "--p", above=0)
    )
    dimension: int | None = field(
        default=None,
        metadata=flag("dimension of a projection after pooling", absent="no projection", least=2),
    )
    projection_start: Literal["learned", "pca", "random"] = field(
        default="learned",
        metadata=flag("start of the projection: learned whitening, PCA whitening, or random"),
    )
    projection_end: Literal["trained", "pca"] = field(
        default="trained",
        metadata=flag(
            "projection that is exported: the trained one, or the PCA axes of the trained features"
        ),
    )
    grey: bool = field(default=False, metadata=flag("take the colour out inside the network"))
    freeze: str = field(
        default=NOTHING,
        metadata=flag(
            "what does not learn: none, backbone, or all up to the stage of that name",
            metavar="none|backbone|STAGE",
            renamed=(("trunk", "backbone"),),
        ),
    )
    learn_statistics: bool | None = field(
        default=None,
        metadata=flag(
            "update the statistics of batch normalisation", absent="with --weights none only"
        ),
    )


@dataclass(frozen=True)
class LearningRecipe:
    """The loss, its batches and the optimiser."""

    loss: Literal["contrastive", "triplet", "triplet_hard", "multi_similarity", "arcface"] = field(
        default="multi_similarity", metadata=flag("loss function")
    )
    margin: float | None = field(
        default=None, metadata=flag("margin of the loss", absent="its paper's", above=0)
    )
    # The authors' 64 is for 85,000 classes.
    scale: float = field(default=30.0, metadata=flag("scale of ArcFace's logits", above=0))
    # Features of ImageNet that no product of the training needs are of use for other products.
    keep: float = field(
        default=0.0,
        metadata=flag("weight of a term that keeps the pooled features near the start's", least=0),
    )
    positives: Literal["product", "family", "self"] = field(
        default="product",
        metadata=flag(
            "what makes two images a positive pair: the same product, the same family, or self, "
            "which needs no labels"
        ),
    )
    agreement: float = field(
        default=0.9,
        metadata=flag(
            "contour IoU from which two images may be a positive pair, with --positives self",
            least=0,
            most=1,
        ),
    )
    augment_single: bool = field(
        default=False,
        metadata=flag("let augmentations be the other views of products with a single image"),
    )
    batches: Literal["random", "family", "mined"] = field(
        default="random",
        metadata=flag(
            "how batches are drawn: random, family (near twins together) or mined (hard tuples of "
            "the current embeddings)"
        ),
    )
    products_per_batch: int = field(
        default=8, metadata=flag("products in a batch", "--products", least=2)
    )
    views_per_product: int = field(
        default=4, metadata=flag("images of each product in a batch", "--views", least=2)
    )
    images_per_turn: int | None = field(
        default=None,
        metadata=flag(
            "a product comes in a round once for every so many of its images",
            absent="once",
            least=1,
        ),
    )
    balanced_looks: bool = field(
        default=False,
        metadata=flag("show the looks of a product (studio, phone) equally often, in turn"),
    )
    # Radenović's.
    negatives: int = field(default=5, metadata=flag("negatives of a mined tuple", least=1))
    # Of unit vectors, a cosine of 0.28.
    furthest: float = field(
        default=1.2, metadata=flag("largest distance of a mined positive", above=0)
    )
    epochs: int = field(
        default=20, metadata=flag("epochs, each of about as many images as there are", least=1)
    )
    optimiser: Literal["adamw", "sgd"] = field(default="adamw", metadata=flag("optimiser"))
    learning_rate: float | None = field(
        default=None,
        metadata=flag(
            "learning rate after the warm-up",
            "--rate",
            absent=f"{TUNING_RATE:g}, with --weights none {RATE:g}; sgd: 100 times that",
            above=0,
        ),
    )
    weight_decay: float = field(default=1e-4, metadata=flag("weight decay", "--decay", least=0))


@dataclass(frozen=True)
class Framing:
    """How far a cut may be off. Fractions are of the product's longer side."""

    rotation: float = field(
        default=15.0,
        metadata=flag("rotation in degrees, at most, to either side", least=0, most=180),
    )
    stretch: float = field(
        default=0.12,
        metadata=flag("stretch of one axis against the other, and shear, at most", least=0, most=1),
    )
    slack: float = field(
        default=0.12,
        metadata=flag(
            "how far each side of the cut may lie outside the mask's box, or half as much inside, "
            "as a fraction of the product's longer side",
            least=0,
            most=1,
        ),
    )
    # Mirrored print is another print.
    flip: bool = field(default=False, metadata=flag("mirror half of the images"))


@dataclass(frozen=True)
class Lighting:
    """``light``: how far brightness and contrast move; ``colour``: saturation and the colour of
    the light. The others are the fraction of images that show it."""

    light: float = field(
        default=0.35, metadata=flag("change of brightness and contrast, at most", least=0, most=1)
    )
    colour: float = field(
        default=0.15,
        metadata=flag("change of saturation and of the light's colour, at most", least=0, most=1),
    )
    shade: float = field(
        default=0.5, metadata=flag("fraction of images darker to one side", least=0, most=1)
    )
    occlusion: float = field(
        default=0.25, metadata=flag("fraction of images behind a hand", least=0, most=1)
    )
    blur: float = field(
        default=0.3, metadata=flag("fraction of images that are blurred", least=0, most=1)
    )
    noise: float = field(
        default=0.25, metadata=flag("fraction of images with noise", least=0, most=1)
    )
    jpeg: float = field(
        default=0.3, metadata=flag("fraction of images compressed as JPEG", least=0, most=1)
    )


@dataclass(frozen=True)
class Augmentation:
    """``background`` applies where there are backgrounds to put behind the product."""

    framing: Framing = field(default_factory=Framing)
    lighting: Lighting = field(default_factory=Lighting)
    background: float = field(
        default=0.6,
        metadata=flag("fraction of images before another background", least=0, most=1),
    )


@dataclass(frozen=True)
class EmbedderRecipe:
    """All that decides what comes out, but for the data and how it is cut."""

    network: NetworkRecipe = field(default_factory=NetworkRecipe, metadata=group("network"))
    learning: LearningRecipe = field(default_factory=LearningRecipe, metadata=group("learning"))
    augmentation: Augmentation = field(
        default_factory=Augmentation, metadata=group("augmentation (0 turns one off)")
    )
    masks: Literal["segmented", "exact"] = field(
        default="segmented",
        metadata=flag("masks that images are cut by: segmented, or exact where the data has them"),
    )
    backgrounds: Path | int | None = field(
        default=None,
        metadata=flag(
            "how many backgrounds to draw, or a folder of photos of some",
            parse=backgrounds_of,
            metavar="N|DIR",
            absent=f"{DRAWN_BACKGROUNDS} where cutouts keep their background, else 0",
        ),
    )
    input_size: int = field(
        default=224,
        metadata=flag(
            "side of the network's input in pixels; a multiple of 32 leaves it free when serving",
            "--size",
            least=MIN_SIZE,
        ),
    )
    seed: int = field(default=0, metadata=flag("seed of everything random", least=0))

    def __post_init__(self) -> None:
        check_flags(self)

    @property
    def batch_size(self) -> int:
        return self.learning.products_per_batch * self.learning.views_per_product

    @property
    def margin(self) -> float:
        given = self.learning.margin
        return MARGINS[self.learning.loss] if given is None else given

    @property
    def learning_rate(self) -> float:
        """In the first epoch after the warm-up."""
        if self.learning.learning_rate is not None:
            return self.learning.learning_rate
        rate = RATE if self.network.weights == NOTHING else TUNING_RATE
        return rate * SGD_TIMES if self.learning.optimiser == "sgd" else rate

    @property
    def learns_statistics(self) -> bool:
        given = self.network.learn_statistics
        return self.network.weights == NOTHING if given is None else given

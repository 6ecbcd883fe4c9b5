"""Which classes a set has, and the silhouette of any member."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from engine.types import UInt8Array
from offline.datasets.made_silhouettes.dimensions import Dimensions
from offline.datasets.made_silhouettes.distortion import Manner, distorted
from offline.datasets.made_silhouettes.families import FAMILIES
from offline.datasets.made_silhouettes.picture import drawn

CLASSES, MEMBERS = 70, 20  # as in MPEG-7's CE-Shape-1 part B

# How much members differ, for all classes alike. Set with the constants of ``distortion`` so that
# overlap and Fourier descriptors score as in MPEG-7; docs/shape.md has the figures.
PLAY = 1.0

_WILDEST = 2.2  # beyond it members lose the parts that make them one of their class
_TURNED, _FLIPPED = 0.12, 0.15  # shares of the classes
_COUSINS = 5 / 14  # share of the classes whose family has an earlier class: horse, dog, deer


@dataclass(frozen=True)
class ShapeClass:
    """One class: a family's drawing with the dimensions that ``seed`` and ``index`` fix."""

    name: str
    family: str
    manner: Manner
    seed: int
    index: int


def shape_classes(seed: int, count: int = CLASSES) -> list[ShapeClass]:
    """The classes of a set in a fixed order; another seed gives others."""
    random = np.random.default_rng([seed, 0])
    order = [str(name) for name in random.permutation(sorted(FAMILIES))]
    new = math.ceil(count * (1 - _COUSINS))
    families = [order[at % min(new, len(order))] for at in range(count)]
    made: list[ShapeClass] = []
    for index, family in enumerate(families):
        manner = Manner(
            play=math.exp(random.uniform(math.log(0.4), math.log(2.0))),
            turned=bool(random.uniform() < _TURNED),
            flipped=bool(random.uniform() < _FLIPPED),
        )
        kin = families[:index].count(family)
        made.append(ShapeClass(f"{family}{kin or ''}", family, manner, seed, index))
    return made


def silhouette(shape: ShapeClass, member: int, play: float = PLAY) -> UInt8Array:
    """(H, W) uint8, 255 on the shape; the same for the same class, member and ``play``."""
    own = np.random.default_rng([shape.seed, 2, shape.index, member])
    freely = min(_WILDEST, play * shape.manner.play * math.exp(own.normal(0, 0.25)))
    dimensions = Dimensions(np.random.default_rng([shape.seed, 1, shape.index]), own, freely)
    parts = FAMILIES[shape.family](dimensions)
    return drawn(distorted(parts, shape.manner, freely, own), own)

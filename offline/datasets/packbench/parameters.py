"""A product as numbers: dimensions, choices and surfaces within the bounds of an archetype."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from offline.datasets.packbench.materials import Material
from offline.datasets.packbench.shapes.parts import Parts

Unit = Literal["mm", "deg", "ratio", "count"]


@dataclass(frozen=True)
class Dimension:
    """The bounds of one dimension of a shape, as in real packages of the kind."""

    low: float
    high: float
    unit: Unit = "mm"

    def at(self, fraction: float) -> float:
        """The value at ``fraction`` in [0, 1] of the range; counts are whole numbers."""
        value = self.low + min(max(fraction, 0.0), 1.0) * (self.high - self.low)
        return float(round(value)) if self.unit == "count" else value


@dataclass(frozen=True)
class Parameters:
    """Everything that determines one product: equal parameters build equal meshes.

    ``dimensions``, ``choices`` and ``surfaces`` have the keys that the archetype names.
    ``artwork`` seeds what is printed or embossed on it.
    """

    dimensions: Mapping[str, float]
    choices: Mapping[str, str] = field(default_factory=dict)
    surfaces: Mapping[str, Material] = field(default_factory=dict)
    artwork: int = 0

    def __getitem__(self, dimension: str) -> float:
        return self.dimensions[dimension]

    def count(self, dimension: str) -> int:
        return round(self.dimensions[dimension])


@dataclass(frozen=True)
class Model:
    """A built product: its parts in mm, front towards -y, up +z; ``volume_ml`` brimful."""

    parts: Parts
    volume_ml: float | None = None


@dataclass(frozen=True)
class Archetype:
    """One kind of product in a category: its dimensions within bounds, and how it is built."""

    name: str  # "boston-round"
    title: str  # "Boston round bottle", for the product's name
    dimensions: Mapping[str, Dimension]
    surfaces: Mapping[str, tuple[Material, ...]]  # the materials that each is offered in
    build: Callable[[Parameters], Model]
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def draw(self, rng: np.random.Generator) -> Parameters:
        """A random product of this archetype."""
        return Parameters(
            {name: dimension.at(rng.uniform()) for name, dimension in self.dimensions.items()},
            {name: str(rng.choice(offered)) for name, offered in self.choices.items()},
            {name: _one(offered, rng) for name, offered in self.surfaces.items()},
            int(rng.integers(2**31)),
        )


@dataclass(frozen=True)
class View:
    """The pose of a product before the camera; angles in degrees."""

    name: str
    azimuth: float  # of the turntable: the camera and the lights stay
    elevation: float
    tip: float = 0  # of the product about x, before it stands: 90 lays it on its back
    fill: float = 0.8  # fraction of the half frame that the product may reach
    roll: float = 0
    shift: tuple[float, float] = (0, 0)  # of the product, in half frames
    distance: float = 6.5  # in bounding radii: a short telephoto, as in product photography


@dataclass(frozen=True)
class Category:
    """One of the paper's 15 categories (Waqas et al., CMC 2023, Table 1).

    ``views`` are the catalogue's five, the first the front. A phone sees the product with a
    tip out of ``tips`` from an elevation within ``phone``.
    """

    name: str
    archetypes: tuple[Archetype, ...]
    views: tuple[View, ...]
    phone: tuple[float, float] = (14, 42)
    tips: tuple[float, ...] = (0,)


def _one(offered: tuple[Material, ...], rng: np.random.Generator) -> Material:
    return offered[int(rng.integers(len(offered)))]

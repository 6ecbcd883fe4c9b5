"""Families of products: their members differ by little, the less the higher the difficulty."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar
from zlib import crc32

import numpy as np

from offline.datasets.packbench.categories import category
from offline.datasets.packbench.materials import TRADE_NAMES, Material
from offline.datasets.packbench.parameters import Archetype, Dimension, Model, Parameters

FREE = 3  # dimensions in which the members of one family differ
WIDE, NARROW = 0.9, 0.06  # fraction of a dimension's range that members span, at 0 and at 1
REDRAWN = 0.8  # fraction of choices and surfaces that a member has of its own at difficulty 0
TOGETHER = 0.6  # up to this difficulty only members become alike, beyond it families as well
PULL = 0.85  # of the way from a family to what all families share, at difficulty 1
GOLDEN = (5**0.5 - 1) / 2
T = TypeVar("T")


@dataclass(frozen=True)
class Product:
    """One item of a catalogue. ``id`` is unique in a benchmark: bottle-f03-p02."""

    id: str
    family: str
    category: str
    archetype: Archetype
    parameters: Parameters

    def model(self) -> Model:
        return self.archetype.build(self.parameters)

    @property
    def name(self) -> str:
        """As a catalogue would print it: the archetype, its first surface and its choices."""
        words = [self.archetype.title]
        words += [f"{self.material}, {self.colour}"] if self.parameters.surfaces else []
        words += [choice for choice in self.parameters.choices.values() if choice]
        return ", ".join(words)

    @property
    def material(self) -> str:
        return TRADE_NAMES[self._surface.finish]

    @property
    def colour(self) -> str:
        return self._surface.colour

    @property
    def _surface(self) -> Material:
        return next(iter(self.parameters.surfaces.values()))


def generator(seed: int, name: str) -> np.random.Generator:
    """A generator for ``name`` under ``seed``, the same on every platform and in any order.

    With one generator a name, what is drawn for one image never depends on another.
    """
    return np.random.default_rng([seed, crc32(name.encode())])


def family(
    category_name: str, number: int, members: int, difficulty: float, seed: int
) -> Iterator[Product]:
    """The members of family ``number``; more members leave the earlier ones as they are.

    ``difficulty`` in [0, 1] shrinks the differences of members: from most of a dimension's range
    and surfaces of their own (0) to a few hundredths of it with the same surfaces (1). The
    families themselves are the same up to TOGETHER and become alike beyond it.
    """
    archetype = archetype_of(category(category_name).archetypes, number, difficulty)
    name = f"{category_name}-f{number:02}"
    rng = generator(seed, name)
    base = archetype.draw(rng)
    free = _free(archetype, rng)
    start = rng.uniform(size=len(free))
    shared = archetype.draw(generator(seed, f"{category_name} {archetype.name}"))
    base = _drawn_together(archetype, base, shared, difficulty, generator(seed, f"{name} kin"))
    for index in range(members):
        own = generator(seed, f"{name}-p{index:02}")
        dimensions = {
            **base.dimensions,
            **_shifted(archetype, base, free, start, index, difficulty),
        }
        member = replace(base, dimensions=dimensions)
        # Some surfaces and choices of the member's own, the fewer the harder.
        other, fraction = archetype.draw(own), REDRAWN * (1 - difficulty)
        member = _mixed(member, other, fraction, own)
        yield Product(f"{name}-p{index:02}", name, category_name, archetype, member)


def closeness(difficulty: float) -> float:
    """How alike families are, in [0, 1]: 0 up to TOGETHER, 1 at difficulty 1."""
    return max(0.0, (difficulty - TOGETHER) / (1 - TOGETHER))


def archetype_of(archetypes: tuple[Archetype, ...], number: int, difficulty: float) -> Archetype:
    """The archetype of family ``number``: in turn, out of fewer of them the harder."""
    left = max(1, round(len(archetypes) * (1 - closeness(difficulty))))
    return archetypes[number % left]


def _free(archetype: Archetype, rng: np.random.Generator) -> list[str]:
    """The dimensions that the family varies; counts only where nothing else is left to vary."""
    names = list(archetype.dimensions)
    drawn = [names[i] for i in rng.permutation(len(names))]
    drawn.sort(key=lambda name: archetype.dimensions[name].unit == "count")
    return drawn[:FREE]


def _drawn_together(
    archetype: Archetype,
    own: Parameters,
    shared: Parameters,
    difficulty: float,
    rng: np.random.Generator,
) -> Parameters:
    """A family's parameters moved towards those that all families of the archetype share."""
    near = closeness(difficulty)
    if not near:
        return own
    dimensions = {
        name: _between(dimension, own.dimensions[name], shared.dimensions[name], near * PULL)
        for name, dimension in archetype.dimensions.items()
    }
    return _mixed(replace(own, dimensions=dimensions), shared, near, rng)


def _between(dimension: Dimension, own: float, shared: float, fraction: float) -> float:
    value = own + fraction * (shared - own)
    return float(round(value)) if dimension.unit == "count" else value


def _shifted(
    archetype: Archetype,
    base: Parameters,
    free: list[str],
    start: np.ndarray,
    index: int,
    difficulty: float,
) -> dict[str, float]:
    """The free dimensions of a member: an additive recurrence spreads members evenly."""
    span = WIDE * (NARROW / WIDE) ** difficulty
    moved = {}
    for axis, name in enumerate(free):
        dimension = archetype.dimensions[name]
        centre = (base.dimensions[name] - dimension.low) / (dimension.high - dimension.low)
        centre = min(max(centre, span / 2), 1 - span / 2)  # the whole family fits the bounds
        place = (start[axis] + index * GOLDEN ** (axis + 1)) % 1
        moved[name] = dimension.at(centre + (place - 0.5) * span)
    return moved


def _mixed(
    first: Parameters, second: Parameters, fraction: float, rng: np.random.Generator
) -> Parameters:
    """``first`` with about ``fraction`` of its choices, surfaces and artwork out of ``second``."""

    def either(a: T, b: T) -> T:
        return b if rng.uniform() < fraction else a

    return replace(
        first,
        choices={k: either(v, second.choices[k]) for k, v in first.choices.items()},
        surfaces={k: either(v, second.surfaces[k]) for k, v in first.surfaces.items()},
        artwork=either(first.artwork, second.artwork),
    )

"""Families: siblings that differ by little, and the difficulty that says how little."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from offline.datasets.packbench.categories import category
from offline.datasets.packbench.kinship import drawn_together, kind_of
from offline.datasets.packbench.materials import TRADE_NAMES, Material
from offline.datasets.packbench.parameters import Archetype, Model, Parameters
from offline.datasets.packbench.seeds import generator

FREE = 3  # measures in which the members of one family differ
WIDE, NARROW = 0.9, 0.06  # of half a measure's range: how far members lie apart at 0 and at 1
REDRAWN = 0.8  # share of choices and surfaces that a member has of its own at difficulty 0
T = TypeVar("T")
GOLDEN = (5**0.5 - 1) / 2


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
        """What a catalogue would print: the kind, its first surface and its choices."""
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


def family(
    category_name: str, number: int, members: int, difficulty: float, seed: int
) -> Iterator[Product]:
    """The members of family ``number``; more members leave the earlier ones as they are.

    ``difficulty`` in [0, 1] shrinks what members differ in: from most of a measure's range and
    surfaces of their own (0) to a few hundredths of it in the same dress (1). The families
    themselves are the same up to kinship.TOGETHER, and draw together beyond it.
    """
    archetype = kind_of(category(category_name).archetypes, number, difficulty)
    name = f"{category_name}-f{number:02}"
    rng = generator(seed, name)
    base = archetype.draw(rng)
    free = _free(archetype, rng)
    start = rng.uniform(size=len(free))
    shared = archetype.draw(generator(seed, f"{category_name} {archetype.name}"))
    base = drawn_together(archetype, base, shared, difficulty, generator(seed, f"{name} kin"))
    for index in range(members):
        own = generator(seed, f"{name}-p{index:02}")
        measures = {**base.measures, **_shifted(archetype, base, free, start, index, difficulty)}
        dressed = _dressed(archetype, replace(base, measures=measures), own, difficulty)
        yield Product(f"{name}-p{index:02}", name, category_name, archetype, dressed)


def _free(archetype: Archetype, rng: np.random.Generator) -> list[str]:
    """Which measures the family varies; counts only where nothing else is left to vary."""
    names = list(archetype.measures)
    drawn = [names[i] for i in rng.permutation(len(names))]
    drawn.sort(key=lambda name: archetype.measures[name].unit == "count")
    return drawn[:FREE]


def _shifted(
    archetype: Archetype,
    base: Parameters,
    free: list[str],
    start: np.ndarray,
    index: int,
    difficulty: float,
) -> dict[str, float]:
    """The free measures of a member: an additive recurrence spreads members evenly."""
    reach = WIDE * (NARROW / WIDE) ** difficulty
    moved = {}
    for axis, name in enumerate(free):
        measure = archetype.measures[name]
        centre = (base.measures[name] - measure.low) / (measure.high - measure.low)
        centre = min(max(centre, reach / 2), 1 - reach / 2)  # the whole family fits the bounds
        place = (start[axis] + index * GOLDEN ** (axis + 1)) % 1
        moved[name] = measure.at(centre + (place - 0.5) * reach)
    return moved


def _dressed(
    archetype: Archetype, product: Parameters, rng: np.random.Generator, difficulty: float
) -> Parameters:
    """Some surfaces and choices of the member's own, the fewer the harder."""
    other = archetype.draw(rng)
    own = REDRAWN * (1 - difficulty)

    def either(of_family: T, of_member: T) -> T:
        return of_member if rng.uniform() < own else of_family

    return replace(
        product,
        choices={k: either(v, other.choices[k]) for k, v in product.choices.items()},
        surfaces={k: either(v, other.surfaces[k]) for k, v in product.surfaces.items()},
        artwork=either(product.artwork, other.artwork),
    )

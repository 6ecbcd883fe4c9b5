"""How families of a category draw together at the hard end of the difficulty scale."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

import numpy as np

from offline.datasets.packbench.parameters import Archetype, Measure, Parameters

T = TypeVar("T")

TOGETHER = 0.6  # up to here siblings draw together, and from here on families do as well
PULL = 0.85  # of the way to what all families share, at difficulty 1


def closeness(difficulty: float) -> float:
    """How far along families are, in [0, 1]: 0 up to TOGETHER, 1 at difficulty 1."""
    return max(0.0, (difficulty - TOGETHER) / (1 - TOGETHER))


def kind_of(kinds: tuple[Archetype, ...], number: int, difficulty: float) -> Archetype:
    """The archetype of family ``number``: they go round, over fewer and fewer of them."""
    left = max(1, round(len(kinds) * (1 - closeness(difficulty))))
    return kinds[number % left]


def drawn_together(
    archetype: Archetype,
    own: Parameters,
    shared: Parameters,
    difficulty: float,
    rng: np.random.Generator,
) -> Parameters:
    """A family's parameters moved towards those that all families of the kind share."""
    near = closeness(difficulty)
    if not near:
        return own

    def either(of_family: T, of_all: T) -> T:
        return of_all if rng.uniform() < near else of_family

    measures = {
        name: _between(measure, own.measures[name], shared.measures[name], near * PULL)
        for name, measure in archetype.measures.items()
    }
    return replace(
        own,
        measures=measures,
        choices={k: either(v, shared.choices[k]) for k, v in own.choices.items()},
        surfaces={k: either(v, shared.surfaces[k]) for k, v in own.surfaces.items()},
        artwork=either(own.artwork, shared.artwork),
    )


def _between(measure: Measure, own: float, shared: float, share: float) -> float:
    value = own + share * (shared - own)
    return float(round(value)) if measure.unit == "count" else value

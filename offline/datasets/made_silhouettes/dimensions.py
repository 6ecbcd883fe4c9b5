"""The dimensions of a drawing: fixed for a class, with deviations of its members."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Dimensions:
    """Draws a class's numbers from ``shape`` and a member's deviations from ``member``.

    For all members of a class ``shape`` starts from the same state, so that the n-th number
    drawn is the same; a drawing may branch on the results of ``count`` and ``often`` and on
    nothing else. ``play`` scales every deviation; 0 makes all members equal.
    """

    shape: np.random.Generator
    member: np.random.Generator
    play: float

    def size(self, low: float, high: float) -> float:
        """A length between the two, up to a member's factor."""
        length = math.exp(self.shape.uniform(math.log(low), math.log(high)))
        return length * math.exp(0.12 * self.play * self._deviation())

    def angle(self, low: float, high: float, play: float = 0.08) -> float:
        """Radians between the two, up to a member's own turn of ``play`` (a joint has more)."""
        return float(self.shape.uniform(low, high)) + play * self.play * self._deviation()

    def count(self, low: int, high: int) -> int:
        """A whole number, both ends included; the same in all members."""
        return int(self.shape.integers(low, high + 1))

    def often(self, fraction: float) -> bool:
        """True in about this fraction of the classes; the same in all members."""
        return bool(self.shape.uniform() < fraction)

    def sizes(self, count: int, low: float, high: float) -> list[float]:
        return [self.size(low, high) for _ in range(count)]

    def _deviation(self) -> float:
        """Normal, cut at two deviations: no member is an outlier."""
        return float(np.clip(self.member.normal(), -2, 2))

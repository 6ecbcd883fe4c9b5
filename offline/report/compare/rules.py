"""What may pass: bounds for figures, costs that gate or not, and how many at once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from engine.errors import ConfigError
from offline.report.compare.comparison import CorrectionName
from offline.report.document import Figure, Unit
from offline.report.overview import Place

BOUND, RELATIVE_BOUND = 0.01, 0.1
LEVEL = 0.05
# What a run costs on one machine; these gate only where a user wants it.
COSTS: frozenset[Unit] = frozenset({"ms", "s", "bytes", "images/s"})


@dataclass(frozen=True)
class Rules:
    """``bound`` holds for fractions; what has a unit is held against ``relative_bound``, a fraction
    of the value before. ``bounds``: by a pattern of figures, such as "R@1" or "retrieve / *", the
    last that fits wins. ``only``: patterns of the figures to judge; all where empty.
    """

    bound: float = BOUND
    relative_bound: float = RELATIVE_BOUND
    bounds: Mapping[str, float] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    gate_times: bool = False
    correction: CorrectionName = "benjamini-hochberg"
    level: float = LEVEL
    seed: int = 0

    def __post_init__(self) -> None:
        for bound in (self.bound, self.relative_bound, *self.bounds.values()):
            if not (math.isfinite(bound) and bound >= 0):
                raise ConfigError(f"bound {bound}: a bound is a number of at least 0.")
        if not 0 < self.level < 1:
            raise ConfigError(f"level {self.level}: it must lie between 0 and 1.")

    def bound_of(self, place: Place, unit: Unit) -> float:
        own = [bound for pattern, bound in self.bounds.items() if fits(pattern, place)]
        return own[-1] if own else self.relative_bound if unit else self.bound

    def judges(self, place: Place) -> bool:
        return not self.only or any(fits(pattern, place) for pattern in self.only)

    def gates(self, figure: Figure) -> bool:
        return self.gate_times or figure.unit not in COSTS

    def check_patterns(self, places: list[Place]) -> None:
        """Raises ConfigError for a pattern that no figure fits: a gate with a typing error
        would pass everything."""
        for pattern in (*self.bounds, *self.only):
            if not any(fits(pattern, place) for place in places):
                names = sorted({place.figure for place in places})
                raise ConfigError(
                    f"{pattern}: no figure that both reports have has this name.",
                    remedy=f"Figures are: {', '.join(names)}; or STAGE / GROUP / NAME.",
                )


def fits(pattern: str, place: Place) -> bool:
    """The figure's own name, or a shell pattern of it or of its whole place."""
    names = (place.figure, str(place))
    return pattern in names or any(fnmatchcase(name, pattern) for name in names)

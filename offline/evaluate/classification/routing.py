"""What the probabilities are for: which categories a photo is searched in, and what that misses."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from engine.config import RouteSettings
from engine.routing import route
from engine.types import Route
from offline.evaluate.classification.predictions import Predictions
from offline.metrics.classification import RoutingMetrics, metrics_of_routes
from offline.report.document import Better, Group, Lines, Series, Unit
from offline.report.figures import averaged

# Probability that the searched categories hold; the default setting is among them.
MASSES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
REACHED, SEARCHED = "true category searched", "categories searched"


@dataclass(frozen=True)
class Shelves:
    """The gallery as the routing sees it: categories ``held``, and all that the classifier
    ``knows`` (None: it votes among the gallery's own)."""

    held: tuple[str, ...]
    knows: frozenset[str] | None

    @classmethod
    def of(cls, held: Sequence[str], knows: Collection[str] | None) -> Shelves:
        return cls(tuple(sorted(set(held))), None if knows is None else frozenset(knows))

    def routes(self, found: Predictions, settings: RouteSettings) -> list[Route]:
        """As a search would route each photo; errors as of ``engine.routing.route``."""
        return [route(one, self.held, settings, knows=self.knows) for one in found.scores]


def routing_group(
    found: Predictions, shelves: Shelves, settings: RouteSettings, seed: int
) -> Group:
    """Of photos whose category the gallery holds: no routing reaches another."""
    routes = shelves.routes(found, settings)
    reached = [name in one.categories for name, one in zip(_true(found), routes, strict=True)]
    columns: tuple[tuple[str, list[float], Better, Unit], ...] = (
        (REACHED, [float(one) for one in reached], "higher", ""),
        (SEARCHED, [float(len(one.categories)) for one in routes], "lower", "categories"),
        ("searched everywhere", [float(one.unsure) for one in routes], "neither", ""),
    )
    return Group(
        name="routing",
        figures=tuple(
            averaged(name, samples, seed=seed, better=better, unit=unit, clusters=found.clusters)
            for name, samples, better, unit in columns
        ),
        items=found.items,
        clusters=found.clusters,
        meaning=f"Photos searched by these settings in a gallery of {len(shelves.held)} "
        "categories. Reached: the true category is among those that are searched.",
    )


def routing_curves(found: Predictions, shelves: Shelves, settings: RouteSettings) -> Lines:
    """Reach against the number of categories searched: by the k likeliest, by mass, and where
    these settings stand."""
    by_mass = [
        metrics_of_routes(
            shelves.routes(found, settings.model_copy(update=_mass(mass))), _true(found)
        )
        for mass in MASSES
    ]
    here = metrics_of_routes(shelves.routes(found, settings), _true(found))
    return Lines(
        title="Routing: how often the true category is searched",
        x=f"{SEARCHED} (mean)",
        y="share of photos whose category is among them",
        series=(
            _likeliest(found, shelves),
            _points("by probability mass", by_mass),
            _points("these settings", [here]),
        ),
        marks=(("these settings", here.searched),),
        note="The k likeliest for k = 1, 2, ...; masses "
        f"{', '.join(f'{mass:g}' for mass in MASSES)}, unsure photos searched everywhere as by "
        "these settings.",
    )


def _likeliest(found: Predictions, shelves: Shelves) -> Series:
    """Recall among the k likeliest categories of the gallery; what scores do not name is last."""
    held = set(shelves.held)
    ranks = []
    for name, one in zip(_true(found), found.scores, strict=True):
        order = [category for category, _ in one.ranked() if category in held]
        ranks.append(order.index(name) + 1 if name in order else len(held))
    counts = np.arange(1, len(held) + 1)
    shares = (np.array(ranks)[:, None] <= counts).mean(axis=0)
    return Series(
        name="the k likeliest", xs=tuple(counts.astype(float).tolist()), ys=tuple(shares.tolist())
    )


def _points(name: str, figures: Sequence[RoutingMetrics]) -> Series:
    return Series(
        name=name,
        xs=tuple(one.searched for one in figures),
        ys=tuple(one.reach for one in figures),
    )


def _mass(mass: float) -> dict[str, object]:
    return {"by": "mass", "mass": mass, "hard": False}


def _true(found: Predictions) -> list[str]:
    return [str(picture.category) for picture in found.pictures]

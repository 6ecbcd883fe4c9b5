"""Classification metrics of a system: all photos, by look, by category, and the routing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.config import RouteSettings
from engine.routing import route
from engine.types import Float64Array, Route
from offline.evaluate.classification.predictions import Predictions
from offline.metrics.calibration import (
    adaptive_calibration_error,
    calibration_error_interval,
    chance_calibration_error,
)
from offline.metrics.classification import (
    AVERAGE_NAMES,
    Averages,
    RoutingMetrics,
    averages,
    metrics_of_routes,
    resampled_tally,
    tally_of,
)
from offline.report.document import Better, Figure, Group, Unit
from offline.report.figures import averaged

TOP = (2, 3, 5)  # likeliest categories among which the true one is looked for
# Total probability of the searched categories; the default setting is among them.
MASSES = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999, 1.0)
REACHED, SEARCHED = "true category searched", "categories searched"


def class_groups(found: Predictions, seed: int) -> Iterator[Group]:
    """All photos first, then every look where there are several, then every category."""
    yield _overall("all", found, seed)
    looks = [image.look for image in found.images]
    for look in sorted({look for look in looks if look is not None}):
        if set(looks) != {look}:
            some = found.where([one == look for one in looks])
            yield _overall(f"look / {look}", some, seed)
    yield from _by_category(found, seed)


def _overall(name: str, found: Predictions, seed: int) -> Group:
    draws = resampled_tally(
        found.predicted, found.true, len(found.names), seed=seed, clusters=found.clusters
    )
    first, *others = _averages(averages(tally_of(found.confusion)), averages(draws))
    accuracy = _top(found, 1, "accuracy", seed)
    micro = accuracy.model_copy(update={"name": "micro F1 (= accuracy)"})
    guesses = [_top(found, k, f"top-{k} accuracy", seed) for k in TOP]
    calibration, unknown = _calibration(found, seed), _unknown(found, seed)
    return Group(
        name=name,
        figures=(accuracy, first, *calibration, *guesses, *others, micro, unknown),
        items=found.items,
        clusters=found.clusters,
    )


def _averages(found: Averages, draws: Averages) -> list[Figure]:
    """In the order of ``AVERAGE_NAMES``."""
    return [
        _drawn(
            shown,
            float(getattr(found, field)),
            getattr(draws, field),
            better="lower" if field == "accuracy_variance" else "higher",
        )
        for field, shown in AVERAGE_NAMES.items()
    ]


def _drawn(name: str, value: float, draws: Float64Array, better: Better = "higher") -> Figure:
    """With the percentile interval of its resamples."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return Figure(name=name, value=value, low=float(low), high=float(high), better=better)


def _top(found: Predictions, k: int, name: str, seed: int) -> Figure:
    samples = (found.ranks <= k).astype(np.float64).tolist()
    return averaged(name, samples, seed=seed, clusters=found.clusters)


def _calibration(found: Predictions, seed: int) -> Iterator[Figure]:
    error = calibration_error_interval(
        found.confidence, found.correct, seed=seed, clusters=found.clusters
    )
    yield Figure(name="ECE", value=error.mean, low=error.low, high=error.high, better="lower")
    chance = chance_calibration_error(found.probabilities, np.random.default_rng(seed))
    yield Figure(name="ECE by chance", value=chance, better="neither")
    adaptive = adaptive_calibration_error(found.probabilities, found.true)
    yield Figure(name="adaptive ECE", value=adaptive, better="lower")


def _unknown(found: Predictions, seed: int) -> Figure:
    samples = [float(one.unknown) for one in found.scores]
    return averaged("called unknown", samples, seed=seed, better="neither", clusters=found.clusters)


def _by_category(found: Predictions, seed: int) -> Iterator[Group]:
    """Of every category that has a photo: its recall is a mean over its photos, the other metrics
    are of all photos. Their intervals are of the resamples in which the category has a photo."""
    tally = tally_of(found.confusion)
    draws = resampled_tally(
        found.predicted, found.true, len(found.names), seed=seed, clusters=found.clusters
    )
    for at in np.flatnonzero(tally.true).tolist():
        mine, there = found.where((found.true == at).tolist()), draws.true[:, at] > 0
        correct = [float(one) for one in mine.correct]
        f1, precision, accuracy = (
            _drawn(name, float(values[at]), drawn[there, at])
            for name, values, drawn in (
                ("F1", tally.f1, draws.f1),
                ("precision", tally.precision, draws.precision),
                ("accuracy (eq. 6)", tally.accuracy, draws.accuracy),
            )
        )
        recall = averaged("recall", correct, seed=seed, clusters=mine.clusters)
        support = Figure(name="support", value=len(correct), better="neither", unit="pictures")
        yield Group(
            name=f"category / {found.names[at]}",
            figures=(f1, precision, recall, accuracy, support),
            items=mine.items,
            clusters=mine.clusters,
        )


@dataclass(frozen=True)
class Gallery:
    """The gallery as the routing sees it: its categories, and all that the classifier ``knows``
    (None: it votes among the gallery's own)."""

    categories: tuple[str, ...]
    knows: frozenset[str] | None

    @classmethod
    def of(cls, held: Sequence[str], knows: Collection[str] | None) -> Gallery:
        return cls(tuple(sorted(set(held))), None if knows is None else frozenset(knows))

    def routes(self, found: Predictions, settings: RouteSettings) -> list[Route]:
        """As a search would route each photo; errors as of ``engine.routing.route``."""
        return [route(one, self.categories, settings, knows=self.knows) for one in found.scores]


def routing_group(
    found: Predictions, gallery: Gallery, settings: RouteSettings, seed: int
) -> Group:
    """Of photos whose category the gallery holds: routing cannot reach another."""
    routes = gallery.routes(found, settings)
    true = found.true_names
    reached = [name in one.categories for name, one in zip(true, routes, strict=True)]
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
        meaning=f"Photos searched by these settings in a gallery of {len(gallery.categories)} "
        "categories. Reached: the true category is among those that are searched.",
    )


@dataclass(frozen=True)
class RoutingCurves:
    """Reach against the mean number of categories searched, of photos whose category is held."""

    by_count: tuple[float, ...]  # reach of the k likeliest, k = 1, 2, ...
    by_mass: tuple[RoutingMetrics, ...]  # aligned with ``MASSES``
    current: RoutingMetrics  # of these settings


def routing_curves(found: Predictions, gallery: Gallery, settings: RouteSettings) -> RoutingCurves:
    """By the k likeliest, by probability mass, and by these settings."""

    def metrics(changed: RouteSettings) -> RoutingMetrics:
        return metrics_of_routes(gallery.routes(found, changed), found.true_names)

    by_mass = [
        metrics(settings.model_copy(update={"by": "mass", "mass": mass, "hard": False}))
        for mass in MASSES
    ]
    return RoutingCurves(_by_count(found, gallery), tuple(by_mass), metrics(settings))


def _by_count(found: Predictions, gallery: Gallery) -> tuple[float, ...]:
    """Recall among the k likeliest categories of the gallery; what scores do not name is last."""
    held = set(gallery.categories)
    ranks = []
    for name, one in zip(found.true_names, found.scores, strict=True):
        order = [category for category, _ in one.ranked() if category in held]
        ranks.append(order.index(name) + 1 if name in order else len(held))
    counts = np.arange(1, len(held) + 1)
    fractions: list[float] = (np.array(ranks)[:, None] <= counts).mean(axis=0).tolist()
    return tuple(fractions)

"""Predictions to the report's figures: all photos, and by category and look."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.types import Float64Array
from offline.evaluate.classification.predictions import Predictions
from offline.metrics.calibration import (
    adaptive_calibration_error,
    calibration_error_interval,
    chance_calibration_error,
)
from offline.metrics.classification import Averages, averages, resampled_tally, tally_of
from offline.report.document import Better, Figure, Group
from offline.report.figures import averaged

TOP = (2, 3, 5)  # likeliest categories among which the true one is looked for

# By the field of ``Averages``, the one to look at first; accuracy has samples and comes by itself.
SHOWN = {
    "macro_f1": "macro F1",
    "macro_precision": "macro precision",
    "macro_recall": "macro recall",
    "weighted_precision": "weighted precision",
    "weighted_recall": "weighted recall",
    "weighted_f1": "weighted F1",
    "average_accuracy": "average accuracy (eq. 6)",
    "accuracy_variance": "variance of accuracy (eq. 6)",
}


def class_groups(found: Predictions, seed: int) -> Iterator[Group]:
    """All photos first, then every look where there are several, then every category."""
    yield _overall("all", found, seed)
    looks = [picture.look for picture in found.pictures]
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
    """In the order of ``SHOWN``."""
    return [
        _drawn(
            shown,
            float(getattr(found, field)),
            getattr(draws, field),
            better="lower" if field == "accuracy_variance" else "higher",
        )
        for field, shown in SHOWN.items()
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
        found.confidence, found.right, seed=seed, clusters=found.clusters
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
    """Of every category that has a photo: its recall is a mean over its photos, the other figures
    are of all photos. Their intervals are of the resamples in which the category has a photo."""
    tally = tally_of(found.confusion)
    draws = resampled_tally(
        found.predicted, found.true, len(found.names), seed=seed, clusters=found.clusters
    )
    for at in np.flatnonzero(tally.true).tolist():
        mine, there = found.where((found.true == at).tolist()), draws.true[:, at] > 0
        right = [float(one) for one in mine.right]
        f1, precision, accuracy = (
            _drawn(name, float(values[at]), drawn[there, at])
            for name, values, drawn in (
                ("F1", tally.f1, draws.f1),
                ("precision", tally.precision, draws.precision),
                ("accuracy (eq. 6)", tally.accuracy, draws.accuracy),
            )
        )
        recall = averaged("recall", right, seed=seed, clusters=mine.clusters)
        support = Figure(name="support", value=len(right), better="neither", unit="pictures")
        yield Group(
            name=f"category / {found.names[at]}",
            figures=(f1, precision, recall, accuracy, support),
            items=mine.items,
            clusters=mine.clusters,
        )

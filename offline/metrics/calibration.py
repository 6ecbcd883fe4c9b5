"""Calibration metrics: how far predicted probabilities are from observed frequencies."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.probabilities import Floats
from engine.types import BoolArray, Float64Array
from offline.metrics.statistics import RESAMPLES, Interval, resampled

Labels = npt.NDArray[np.integer]

# As in Guo et al., ICML 2017, section 5.
BINS = 15


@dataclass(frozen=True)
class Bin:
    """Photos whose likeliest category has a probability in (low, high]."""

    low: float
    high: float
    count: int
    confidence: float  # mean probability of the likeliest category; 0 for an empty bin
    accuracy: float  # fraction of photos for which it was correct; 0 for an empty bin

    @property
    def gap(self) -> float:
        """Overconfident above 0, underconfident below."""
        return self.confidence - self.accuracy


def reliability(probabilities: Floats, labels: Labels, bins: int = BINS) -> list[Bin]:
    """The table behind a reliability diagram: ``bins`` bins of equal width, empty ones too.

    ``probabilities`` (N, C), ``labels`` (N,) column numbers; ties go to the first column.
    DeGroot, Fienberg: The Comparison and Evaluation of Forecasters, The Statistician 1983.
    """
    return binned(*_top(probabilities, labels), bins)


def binned(given: Float64Array, happened: BoolArray, bins: int = BINS) -> list[Bin]:
    """As ``reliability`` for events: (N,) the predicted probability of each, in [0, 1], and
    whether it happened. Raises ValueError for other probabilities and for none."""
    if not len(given) or not bool(((given >= 0) & (given <= 1)).all()):
        raise ValueError("need at least one probability, and all in [0, 1]")
    place = bin_places(given, bins)
    return [
        _bin(given[place == number], happened[place == number], number / bins, (number + 1) / bins)
        for number in range(bins)
    ]


def event_calibration_error(given: Float64Array, happened: BoolArray, bins: int = BINS) -> float:
    """ECE of events: the mean over them of how far their bin's probability is from how often
    they happened. As ``expected_calibration_error``, without a choice of the likeliest."""
    return _weighted_gap(binned(given, happened, bins))


def expected_calibration_error(probabilities: Floats, labels: Labels, bins: int = BINS) -> float:
    """ECE = Σ (n_b / N) |accuracy_b - confidence_b| over bins b, in [0, 1].

    Naeini, Cooper, Hauskrecht: Obtaining Well Calibrated Probabilities Using Bayesian Binning,
    AAAI 2015; for the likeliest category as in Guo et al., ICML 2017, equation 3.
    ``probabilities`` (N, C), ``labels`` (N,) column numbers.
    """
    return _weighted_gap(reliability(probabilities, labels, bins))


def adaptive_calibration_error(probabilities: Floats, labels: Labels, bins: int = BINS) -> float:
    """ECE over bins of equal counts instead of equal width: few photos cannot hide in a bin.

    Nguyen, O'Connor: Posterior Calibration and Exploratory Analysis for Natural Language
    Processing Models, EMNLP 2015. Photos of equal confidence are ordered by whether they were
    correct, so the order of the input does not count.
    """
    given, correct = _top(probabilities, labels)
    order = np.lexsort((correct, given))
    parts = [part for part in np.array_split(order, _positive(bins)) if len(part)]
    return _weighted_gap(
        [_bin(given[p], correct[p], float(given[p[0]]), float(given[p[-1]])) for p in parts]
    )


def chance_calibration_error(
    probabilities: Floats, rng: np.random.Generator, bins: int = BINS, draws: int = 200
) -> float:
    """The ECE that perfect probabilities would show on as many photos, by chance alone.

    Mean over ``draws`` of labels drawn from the confidences themselves (consistency resampling:
    Bröcker, Smith: Increasing the Reliability of Reliability Diagrams, Weather and Forecasting
    2007). An ECE near it is as good as these photos can show; it goes to 0 as their number grows.
    """
    rows = np.asarray(probabilities, np.float64)
    given, _ = _top(rows, rows.argmax(axis=1))
    place = bin_places(given, bins)
    correct = rng.random((draws, len(given))) < given
    gaps = np.zeros(draws)
    for number in np.unique(place):
        mine = place == number
        gaps += np.abs((given[mine] - correct[:, mine]).sum(axis=1))
    return float(gaps.mean() / len(given))


def calibration_error_interval(
    given: Float64Array,
    happened: BoolArray,
    *,
    seed: int,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """ECE with its 95 % bootstrap interval (percentiles), of events as in ``binned``.

    The interval lies higher than the value where photos are few: a resample adds chance to the
    chance that a calibration error shows already (see ``chance_calibration_error``). It is for
    comparing systems, not for subtracting from.
    """
    error = event_calibration_error(given, happened, bins)
    gaps = np.zeros((len(given), bins))  # by how much each photo pulls its bin up or down
    gaps[np.arange(len(given)), bin_places(given, bins)] = given - happened
    found = [
        np.abs(times @ gaps).sum(axis=1) / times.sum(axis=1)
        for times in resampled(len(given), seed=seed, resamples=resamples, clusters=clusters)
    ]
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Interval(error, float(low), float(high))


def negative_log_likelihood(logits: Floats, labels: Labels, temperature: float = 1.0) -> float:
    """Mean of -log p(label), natural logarithm: what ``fit_temperature`` minimises."""
    rows, places = checked(logits, labels)
    scaled = rows / temperature
    peak = scaled.max(axis=1)
    total = peak + np.log(np.exp(scaled - peak[:, None]).sum(axis=1))
    return float((total - scaled[np.arange(len(rows)), places]).mean())


def checked(values: Floats, labels: Labels) -> tuple[Float64Array, npt.NDArray[np.int64]]:
    """(N, C) float64 and (N,) int64 that fit each other; ValueError otherwise."""
    rows, places = np.asarray(values, np.float64), np.asarray(labels)
    if rows.ndim != 2 or places.shape != rows.shape[:1] or rows.size == 0:
        raise ValueError(f"need (N, C) rows and (N,) labels, not {rows.shape} and {places.shape}")
    if not np.issubdtype(places.dtype, np.integer):
        raise ValueError(f"labels must be column numbers, not {places.dtype}")
    if places.min() < 0 or places.max() >= rows.shape[1]:
        raise ValueError(f"labels must lie in [0, {rows.shape[1]})")
    if not np.isfinite(rows).all():
        raise ValueError("not all values are finite")
    return rows, places.astype(np.int64)


def _top(probabilities: Floats, labels: Labels) -> tuple[Float64Array, BoolArray]:
    """(N,) the largest probability a row, and whether its column is the label."""
    rows, places = checked(probabilities, labels)
    if rows.min() < 0 or np.abs(rows.sum(axis=1) - 1).max() > 1e-3:
        raise ValueError("probabilities must be >= 0 and sum to 1 a row")
    return np.minimum(rows.max(axis=1), 1.0), rows.argmax(axis=1) == places


def bin_places(given: Float64Array, bins: int) -> npt.NDArray[np.int64]:
    """(N,) the bin of each confidence; closed above as in Guo et al., so 1 is in the last one."""
    places = np.ceil(given * _positive(bins)).astype(np.int64) - 1
    return np.clip(places, 0, bins - 1)


def _bin(given: Float64Array, correct: BoolArray, low: float, high: float) -> Bin:
    if not len(given):
        return Bin(low, high, 0, 0.0, 0.0)
    return Bin(low, high, len(given), float(given.mean()), float(correct.mean()))


def _weighted_gap(bins: Sequence[Bin]) -> float:
    return sum(one.count * abs(one.gap) for one in bins) / sum(one.count for one in bins)


def _positive(bins: int) -> int:
    if bins < 1:
        raise ValueError(f"bins = {bins}: at least one is needed")
    return bins

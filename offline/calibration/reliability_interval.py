"""How sure a calibration error is: its interval over the photos that it was measured on."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import numpy.typing as npt

from engine.types import Float64Array
from offline.calibration.reliability import BINS, bin_places, event_calibration_error
from offline.metrics.statistics import RESAMPLES, Interval
from offline.resampling import resampled


def calibration_error_interval(
    given: Float64Array,
    happened: npt.NDArray[np.bool_],
    *,
    seed: int,
    bins: int = BINS,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """ECE with its 95 % bootstrap interval (percentiles), of events as in ``binned``.

    The interval lies higher than the figure where photos are few: a resample adds chance to the
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

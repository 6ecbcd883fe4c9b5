"""The interval of a calibration error against binning every resample anew."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.calibration.reliability import event_calibration_error
from offline.calibration.reliability_interval import calibration_error_interval


@given(st.integers(0, 10**6), st.integers(1, 12), st.booleans())
@settings(max_examples=30, deadline=None)
def test_it_equals_drawing_the_photos_one_by_one(seed: int, count: int, clustered: bool) -> None:
    random = np.random.default_rng(seed)
    given_, happened = random.random(count).round(1), random.random(count) < 0.5
    clusters = [at // 3 for at in range(count)] if clustered else None
    found = calibration_error_interval(given_, happened, seed=7, resamples=25, clusters=clusters)
    assert found.mean == event_calibration_error(given_, happened)
    names = list(range(count)) if clusters is None else clusters
    distinct, drawing, errors = max(names) + 1, np.random.default_rng(7), []
    for _ in range(25):
        groups = drawing.integers(0, distinct, distinct).tolist()
        drawn = [at for group in groups for at, name in enumerate(names) if name == group]
        errors.append(event_calibration_error(given_[drawn], happened[drawn]))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(errors, [0.025, 0.975])))


def test_one_photo_has_an_interval_without_width() -> None:
    found = calibration_error_interval(np.array([0.8]), np.array([True]), seed=0)
    assert found.mean == pytest.approx(0.2)
    assert (found.low, found.high) == pytest.approx((0.2, 0.2))

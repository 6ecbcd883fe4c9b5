"""The least probability: what it promises, and its fewest categories."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.calibration import least_probability, softmax_at
from tests.offline.calibration.drawn_logits import calibrated


def test_the_example_by_hand() -> None:
    # True categories got 0.1, 0.2 … 0.9. Of ten (N + 1), a reach of 0.8 may lose two: the
    # second smallest is kept, and with it the eight above.
    given_true = np.arange(1, 10) / 10
    rows = np.stack([given_true, 1 - given_true], axis=1)
    labels = np.zeros(9, np.int64)
    assert least_probability(rows, labels, 0.8) == pytest.approx(0.2)
    assert least_probability(rows, labels, 0.5) == pytest.approx(0.5)
    assert least_probability(rows, labels, 0.999) == pytest.approx(0.1)  # nine cannot promise it


@given(st.integers(0, 10**6), st.integers(1, 60), st.floats(0.01, 1))
def test_it_reaches_at_least_its_fraction_of_the_photos_it_was_fitted_on(
    seed: int, count: int, reach: float
) -> None:
    rows, labels = calibrated(count, 4, seed)
    probabilities = softmax_at(rows)
    least = least_probability(probabilities, labels, reach)
    of_true = probabilities[np.arange(count), labels]
    assert (of_true >= least).mean() >= reach - 1e-9


def test_new_photos_are_reached_as_often_as_promised_whatever_the_classifier() -> None:
    """Averaged over draws, also for probabilities that are far from calibrated."""
    reached = []
    for seed in range(60):
        rows, labels = calibrated(200, 5, seed)
        probabilities = softmax_at(rows * 4)
        least = least_probability(probabilities[:100], labels[:100], 0.9)
        reached.append((probabilities[np.arange(100, 200), labels[100:]] >= least).mean())
    assert 0.895 < np.mean(reached) < 0.925


@pytest.mark.parametrize("reach", [0.0, 1.1, -1.0])
def test_a_reach_outside_its_range_is_refused(reach: float) -> None:
    with pytest.raises(ValueError, match="reach"):
        least_probability(np.array([[1.0]]), np.array([0]), reach)

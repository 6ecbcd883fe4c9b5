"""The fitted temperature against a search of the whole range."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from offline.adapt.probabilities import LEAST, MOST
from offline.calibration import fit_temperature, softmax_at
from offline.metrics.calibration import negative_log_likelihood
from tests.offline.calibration.drawn_logits import calibrated

WIDE = np.exp(np.linspace(np.log(LEAST), np.log(MOST), 400))


@pytest.mark.parametrize("factor", [0.4, 1.0, 3.0])
def test_the_factor_that_spoiled_calibrated_logits_is_found(factor: float) -> None:
    rows, labels = calibrated(4000, 6, seed=1)
    assert fit_temperature(rows * factor, labels) == pytest.approx(factor, rel=0.05)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 12), st.floats(0.1, 8))
@example(763, 2, 0.109375)  # the best temperature lies below the least one, with photos incorrect
def test_no_temperature_of_a_fine_grid_is_likelier(
    seed: int, categories: int, factor: float
) -> None:
    rows, labels = calibrated(60, categories, seed)
    rows = rows * factor
    if (rows.argmax(axis=1) == labels).all():
        return
    fitted = fit_temperature(rows, labels)
    found = negative_log_likelihood(rows, labels, fitted)
    assert found <= min(negative_log_likelihood(rows, labels, t) for t in WIDE) + 1e-9


def test_the_likelihood_is_the_mean_logarithm_of_the_labels_probability() -> None:
    rows, labels = calibrated(50, 4, seed=3)
    given_label = softmax_at(rows, 1.7)[np.arange(50), labels]
    expected = -np.log(given_label).mean()
    assert negative_log_likelihood(rows, labels, 1.7) == pytest.approx(expected)


def test_scaling_the_logits_scales_the_temperature() -> None:
    rows, labels = calibrated(300, 5, seed=4)
    once, twice = fit_temperature(rows, labels), fit_temperature(2 * rows, labels)
    assert twice == pytest.approx(2 * once, rel=1e-9)


def test_photos_that_are_all_correct_do_not_make_it_certain() -> None:
    """The likelihood alone would take the lowest temperature there is."""
    rows = np.tile([4.0, 0.0, 0.0], (30, 1))
    labels = np.zeros(30, np.int64)
    fitted = fit_temperature(rows, labels)
    # Platt's target for the label's column is 31/32, here reached exactly.
    assert softmax_at(rows, fitted)[0, 0] == pytest.approx(31 / 32, abs=1e-6)


def test_logits_worse_than_none_are_flattened_as_far_as_allowed() -> None:
    rows = np.tile([3.0, 0.0], (20, 1))
    assert fit_temperature(rows, np.ones(20, np.int64)) == pytest.approx(MOST)


@pytest.mark.parametrize("rows", [np.zeros((5, 3)), np.ones((5, 1))])
def test_logits_that_tell_nothing_apart_are_left_alone(rows: np.ndarray) -> None:
    assert fit_temperature(rows, np.zeros(5, np.int64)) == 1.0


@pytest.mark.parametrize(
    ("rows", "labels", "fault"),
    [
        (np.zeros((0, 3)), np.zeros(0, np.int64), "need"),
        (np.zeros((2, 3)), np.zeros(3, np.int64), "need"),
        (np.zeros((2, 3)), np.array([0, 3]), "must lie in"),
        (np.zeros((2, 3)), np.array([-1, 0]), "must lie in"),
        (np.zeros((2, 3)), np.array([0.0, 1.0]), "column numbers"),
        (np.array([[np.nan, 0.0]]), np.array([0]), "finite"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows: np.ndarray, labels: np.ndarray, fault: str) -> None:
    with pytest.raises(ValueError, match=fault):
        fit_temperature(rows, labels)

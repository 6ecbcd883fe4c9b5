"""Calibration errors against an example by hand and against a slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.calibration import softmax_at
from offline.metrics.calibration import (
    adaptive_calibration_error,
    calibration_error_interval,
    chance_calibration_error,
    event_calibration_error,
    expected_calibration_error,
    reliability,
)
from tests.offline.calibration.drawn_logits import calibrated


def two_columns(confidences: list[float]) -> np.ndarray:
    """Rows whose likeliest column is the first one, with these probabilities."""
    first = np.array(confidences)
    return np.stack([first, 1 - first], axis=1)


def test_the_example_by_hand() -> None:
    # Bins of 0.2: (0.6, 0.8] holds 0.7 (correct) and 0.8 (incorrect): |0.75 - 0.5|;
    # (0.8, 1] holds 0.9, 1.0 (correct) and 0.95 (incorrect): |0.95 - 2/3|.
    rows, labels = two_columns([0.7, 0.8, 0.9, 1.0, 0.95]), np.array([0, 1, 0, 0, 1])
    expected = (2 * 0.25 + 3 * (0.95 - 2 / 3)) / 5
    assert expected_calibration_error(rows, labels, bins=5) == pytest.approx(expected)
    table = reliability(rows, labels, bins=5)
    assert [one.count for one in table] == [0, 0, 0, 2, 3]
    assert (table[3].confidence, table[3].accuracy) == pytest.approx((0.75, 0.5))
    assert table[4].gap == pytest.approx(0.95 - 2 / 3)


def test_equal_counts_by_hand() -> None:
    # Two bins: {0.6 incorrect, 0.7 correct} and {0.8 correct, 0.9 correct}.
    rows, labels = two_columns([0.9, 0.6, 0.8, 0.7]), np.array([0, 1, 0, 0])
    expected = (abs(0.65 - 0.5) + abs(0.85 - 1)) / 2
    assert adaptive_calibration_error(rows, labels, bins=2) == pytest.approx(expected)


@given(st.integers(0, 10**6), st.integers(1, 80), st.integers(2, 9), st.integers(1, 20))
def test_the_error_equals_its_slow_twin_and_bins_hold_every_photo(
    seed: int, count: int, categories: int, bins: int
) -> None:
    rows, labels = calibrated(count, categories, seed)
    probabilities = softmax_at(rows)
    slow = _slow_error(probabilities, labels, bins)
    assert expected_calibration_error(probabilities, labels, bins) == pytest.approx(slow)
    assert sum(one.count for one in reliability(probabilities, labels, bins)) == count


@given(st.integers(0, 10**6), st.integers(1, 20), st.booleans())
def test_the_order_of_photos_does_not_count(seed: int, bins: int, equal_counts: bool) -> None:
    error = adaptive_calibration_error if equal_counts else expected_calibration_error
    rows, labels = calibrated(40, 3, seed)
    probabilities = np.round(softmax_at(rows) * 4) / 4  # many ties
    probabilities[:, 0] += 1 - probabilities.sum(axis=1)
    if probabilities.min() < 0:
        return
    order = np.random.default_rng(seed).permutation(40)
    here, there = (
        error(probabilities, labels, bins),
        error(probabilities[order], labels[order], bins),
    )
    assert here == pytest.approx(there)


def test_calibrated_probabilities_have_a_small_error_and_spoiled_ones_a_large_one() -> None:
    rows, labels = calibrated(20_000, 6, seed=5)
    for error in (expected_calibration_error, adaptive_calibration_error):
        assert error(softmax_at(rows), labels) < 0.015
        assert error(softmax_at(rows * 3), labels) > 0.2


def test_what_chance_alone_shows_is_the_mean_error_of_labels_drawn_from_the_confidences() -> None:
    rows, _ = calibrated(60, 4, seed=8)
    probabilities = softmax_at(rows)
    random, given = np.random.default_rng(1), probabilities.max(axis=1)
    table = np.stack([given, 1 - given], axis=1)
    table = table[table[:, 0] >= 0.5]  # so that the first column stays the likeliest
    drawn = (random.random((400, len(table))) >= table[:, 0]).astype(np.int64)
    slow = np.mean([expected_calibration_error(table, labels) for labels in drawn])
    found = chance_calibration_error(table, np.random.default_rng(2), draws=400)
    assert found == pytest.approx(slow, rel=0.1)


def test_chance_shows_less_on_more_photos_and_nothing_to_the_certain() -> None:
    few, many = (softmax_at(calibrated(count, 4, seed=9)[0]) for count in (50, 5000))
    random = np.random.default_rng(0)
    assert chance_calibration_error(many, random) < chance_calibration_error(few, random) / 3
    assert chance_calibration_error(np.eye(3), random) == 0.0


def test_certainty_belongs_to_the_last_bin_and_being_correct_closes_the_gap() -> None:
    rows, labels = np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0, 1])
    assert reliability(rows, labels)[-1].count == 2
    assert expected_calibration_error(rows, labels) == 0.0
    assert expected_calibration_error(rows, 1 - labels) == 1.0


@pytest.mark.parametrize("rows", [np.array([[0.7, 0.7]]), np.array([[1.5, -0.5]])])
def test_rows_that_are_no_probabilities_are_refused(rows: np.ndarray) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        expected_calibration_error(rows, np.array([0]))


def test_no_bin_is_refused() -> None:
    for error in (expected_calibration_error, adaptive_calibration_error):
        with pytest.raises(ValueError, match="at least one"):
            error(np.array([[1.0]]), np.array([0]), 0)


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


def _slow_error(probabilities: np.ndarray, labels: np.ndarray, bins: int) -> float:
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        mine = [
            (float(row.max()), float(int(row.argmax()) == label))
            for row, label in zip(probabilities, labels, strict=True)
            if low < row.max() <= high
        ]
        if mine:
            confidence = sum(one for one, _ in mine) / len(mine)
            accuracy = sum(right for _, right in mine) / len(mine)
            total += len(mine) / len(labels) * abs(confidence - accuracy)
    return total

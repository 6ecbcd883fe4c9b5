"""Logistic regression: against a slow obvious twin, against separable data, and in folds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from engine.linear_model import LinearModel, standardised
from offline.adapt.logistic import (
    INTERCEPT_RIDGE,
    fit_logistic,
    grouped_folds,
    held_out_probabilities,
    log_loss,
    penalised_loss,
)

NAMES = ("a", "b", "c")


def samples(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of very different scales; right follows two of them, with noise."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, 3)) * [1.0, 100.0, 0.01] + [0.0, 50.0, 3.0]
    logits = rows[:, 0] - (rows[:, 1] - 50) / 80 + random.normal(size=count) * 0.5
    return rows, logits > 0


def weights_of(model: LinearModel) -> np.ndarray:
    return np.array([model.intercept, *(term.weight for term in model.terms.values())])


def by_descent(rows: np.ndarray, right: np.ndarray, ridge: float) -> np.ndarray:
    """The same minimum by plain gradient descent in many small steps."""
    scaled = standardised(rows, rows.mean(0), rows.std(0))
    design = np.column_stack([np.ones(len(rows)), scaled])
    penalty = np.array([INTERCEPT_RIDGE, *[ridge] * scaled.shape[1]])
    weights = np.zeros(design.shape[1])
    for _ in range(20_000):
        expected = 1 / (1 + np.exp(-design @ weights))
        weights = weights - (design.T @ (expected - right) + penalty * weights) / (2 * len(rows))
    return weights


@pytest.mark.parametrize("ridge", [0.3, 10.0])
def test_newton_finds_what_slow_descent_finds(ridge: float) -> None:
    rows, right = samples(30, seed=1)
    found = fit_logistic(rows, right, NAMES, ridge)
    np.testing.assert_allclose(weights_of(found), by_descent(rows, right, ridge), atol=1e-4)


@given(st.integers(0, 10_000), st.sampled_from([0.1, 1.0, 30.0]), st.integers(6, 60))
@settings(max_examples=40, deadline=None)
def test_no_step_away_from_the_answer_lowers_the_loss(seed: int, ridge: float, count: int) -> None:
    rows, right = samples(count, seed)
    weights = weights_of(fit_logistic(rows, right, NAMES, ridge))
    spread = np.maximum(rows.std(0), 1e-6)
    design = np.column_stack([np.ones(count), standardised(rows, rows.mean(0), spread)])
    penalty = np.array([INTERCEPT_RIDGE, ridge, ridge, ridge])
    best = penalised_loss(weights, design, right.astype(float), penalty)
    for direction in np.vstack([np.eye(4), -np.eye(4)]):
        moved = penalised_loss(weights + 1e-3 * direction, design, right.astype(float), penalty)
        assert moved >= best - 1e-9


@pytest.mark.parametrize("strength", [0.01, 1.0, 10.0])
@pytest.mark.parametrize("balanced", [False, True])
def test_it_finds_what_scikit_learn_finds(strength: float, balanced: bool) -> None:
    rows, right = samples(200, seed=5)
    right &= np.arange(200) % 3 == 0
    scaled = (rows - rows.mean(0)) / rows.std(0)
    model = LogisticRegression(
        C=strength, class_weight="balanced" if balanced else None, tol=1e-10, max_iter=2000
    ).fit(scaled, right)
    found = fit_logistic(rows, right, NAMES, 1 / strength, balanced=balanced)
    other = [model.intercept_[0], *model.coef_[0]]
    np.testing.assert_allclose(weights_of(found), other, atol=2e-4)


def test_units_change_no_probability() -> None:
    rows, right = samples(50, seed=2)
    other = rows * [1000.0, 0.001, -7.0] + [5.0, -3.0, 100.0]
    one, two = (fit_logistic(x, right, NAMES, 1.0).probability(x) for x in (rows, other))
    np.testing.assert_allclose(one, two, atol=1e-8)


def test_data_that_a_line_divides_and_features_that_never_vary_are_fitted() -> None:
    rows = np.array([[float(n), 1.0, 0.0] for n in range(20)])
    right = rows[:, 0] >= 10
    found = fit_logistic(rows, right, NAMES, 0.1)
    assert np.isfinite(weights_of(found)).all()
    assert ((found.probability(rows) > 0.5) == right).all()


def test_samples_of_one_kind_get_a_high_probability_and_no_error() -> None:
    rows, _ = samples(20, seed=3)
    assert fit_logistic(rows, np.ones(20, np.bool_), NAMES, 1.0).probability(rows).min() > 0.9


@pytest.mark.parametrize("ridge", [0.0, -1.0])
def test_a_ridge_has_to_be_positive(ridge: float) -> None:
    with pytest.raises(ValueError, match="ridge"):
        fit_logistic(*samples(9, seed=0), NAMES, ridge)


@given(st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=40), st.integers(0, 99))
def test_a_group_is_never_divided_and_folds_are_even(groups: Sequence[str], seed: int) -> None:
    folds = grouped_folds(groups, 3, seed)
    by_group = {
        group: {f for g, f in zip(groups, folds, strict=True) if g == group} for group in groups
    }
    assert all(len(found) == 1 for found in by_group.values())
    sizes = [sum(found == {fold} for found in by_group.values()) for fold in range(3)]
    assert max(sizes) - min(sizes) <= 1
    np.testing.assert_array_equal(folds, grouped_folds(groups, 3, seed))


def test_a_held_out_probability_does_not_see_its_own_label() -> None:
    rows, right = samples(40, seed=4)
    folds = np.arange(40) % 4
    found = held_out_probabilities(rows, right, NAMES, 1.0, folds)
    turned = right.copy()
    turned[folds == 2] = ~turned[folds == 2]
    again = held_out_probabilities(rows, turned, NAMES, 1.0, folds)
    np.testing.assert_allclose(again[folds == 2], found[folds == 2])
    assert not np.allclose(again[folds != 2], found[folds != 2])


def test_log_loss_is_that_of_the_textbook() -> None:
    assert log_loss(np.array([0.5, 0.5]), np.array([True, False])) == pytest.approx(np.log(2))
    assert log_loss(np.array([0.9]), np.array([True])) == pytest.approx(-np.log(0.9))
    assert np.isfinite(log_loss(np.array([0.0]), np.array([True])))

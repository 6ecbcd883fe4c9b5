"""Logits to probabilities, against the definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as drawn

from engine.probabilities import as_logits, max_probability, negative_energy, softmax_at

logits = drawn.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 7)),
    elements=st.floats(-40, 40, width=32),
)
temperatures = st.floats(0.05, 20)


@given(logits, temperatures)
def test_softmax_and_energy_follow_their_formulas(rows: np.ndarray, t: float) -> None:
    probabilities, energies = softmax_at(rows, t), negative_energy(rows, t)
    for row, got, energy in zip(rows.tolist(), probabilities, energies, strict=True):
        peak = max(row)
        powers = [math.exp((value - peak) / t) for value in row]
        assert got == pytest.approx([power / sum(powers) for power in powers], abs=1e-12)
        assert energy == pytest.approx(peak + t * math.log(sum(powers)), abs=1e-9)
    np.testing.assert_array_equal(max_probability(rows, t), probabilities.max(axis=1))


@given(logits, temperatures)
def test_a_temperature_never_changes_the_order_of_categories(rows: np.ndarray, t: float) -> None:
    flat = softmax_at(rows, t)
    for row, got in zip(rows, flat, strict=True):
        order = np.argsort(row, kind="stable")
        assert (np.diff(got[order]) >= 0).all()


@given(logits, temperatures)
def test_probabilities_can_stand_for_logits(rows: np.ndarray, t: float) -> None:
    back = softmax_at(as_logits(softmax_at(rows)), t)
    np.testing.assert_allclose(back, softmax_at(rows, t), atol=1e-9)


def test_a_probability_of_nothing_has_a_finite_logit() -> None:
    rows = as_logits(np.array([[1.0, 0.0]], np.float32))
    assert np.isfinite(rows).all()
    np.testing.assert_allclose(softmax_at(rows), [[1, 0]], atol=1e-30)


def test_huge_logits_do_not_overflow() -> None:
    rows = softmax_at(np.array([[1e30, 0, -1e30], [1000, 1000, 1000]], np.float32), 0.05)
    np.testing.assert_allclose(rows, [[1, 0, 0], [1 / 3, 1 / 3, 1 / 3]], atol=1e-12)
    assert negative_energy(np.array([[1000.0, 1000.0]])) == pytest.approx(1000 + math.log(2))


@pytest.mark.parametrize("temperature", [0.0, -1.0, math.nan])
def test_a_temperature_that_is_not_positive_is_refused(temperature: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        softmax_at(np.zeros((1, 2)), temperature)


@pytest.mark.parametrize("shape", [(3,), (2, 0), (1, 2, 3)])
def test_rows_that_are_no_table_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="N, C"):
        softmax_at(np.zeros(shape))

"""The one linear model: standardising, clipping, log odds and probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from engine.linear_model import LinearModel, Term, sigmoid, standardised
from engine.match_calibration import MatchModel


def model(reach: float = math.inf) -> LinearModel:
    terms = {
        "a": Term(mean=1.0, deviation=2.0, weight=3.0),
        "b": Term(mean=0.0, deviation=0.5, weight=-1.0),
    }
    return LinearModel(intercept=0.25, terms=terms, reach=reach)


def test_log_odds_are_those_of_the_slow_way() -> None:
    rows = np.array([[1.0, 0.0], [3.0, 1.0], [-100.0, 100.0]])
    np.testing.assert_allclose(model().log_odds(rows), [0.25, 1.25, 0.25 - 151.5 - 200])
    # Beyond the reach a value counts as the reach.
    np.testing.assert_allclose(model(reach=5).log_odds(rows), [0.25, 1.25, 0.25 - 15 - 5])
    np.testing.assert_allclose(model().probability(rows[:2]), 1 / (1 + np.exp([-0.25, -1.25])))


def test_a_row_has_the_same_log_odds_alone_and_among_others() -> None:
    rows = np.random.default_rng(0).normal(size=(300, 2))
    alone = [model(5.0).log_odds(row[None])[0] for row in rows]
    np.testing.assert_array_equal(model(5.0).log_odds(rows), alone)
    assert model().log_odds(rows[:0]).shape == (0,)


def test_the_reach_is_not_written() -> None:
    assert set(model(reach=3.0).model_dump()) == {"intercept", "terms"}


@pytest.mark.parametrize(
    "term",
    [
        {"mean": 0.0, "deviation": 0.0, "weight": 1.0},
        {"mean": math.nan, "deviation": 1.0, "weight": 1.0},
        {"mean": 0.0, "weight": 1.0},
    ],
)
def test_a_damaged_term_is_refused(term: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        LinearModel.model_validate({"intercept": 0.0, "terms": {"a": term}})


def test_values_are_clipped_to_the_reach() -> None:
    found = standardised(np.array([[100.0], [-100.0], [2.0]]), [1.0], [2.0], 3.0)
    np.testing.assert_allclose(found[:, 0], [3.0, -3.0, 0.5])


@given(st.lists(st.floats(-1e300, 1e300), min_size=1, max_size=9))
def test_a_sigmoid_never_leaves_its_range(values: list[float]) -> None:
    found = sigmoid(values)
    assert ((found >= 0) & (found <= 1)).all()
    np.testing.assert_allclose(sigmoid(np.negative(values)), 1 - found, atol=1e-12)


def test_a_match_keeps_the_probabilities_of_earlier_versions() -> None:
    """Recorded when each kind of model had a class of its own."""
    kept = MatchModel(
        lowest_score=-0.2, widest_margin=0.3, intercept=-1.7, score=2.9, margin=4.1, first=0.6
    )
    drawn = np.round(np.random.default_rng(2).normal(size=(8, 2)), 6)
    rows = np.column_stack([drawn, np.arange(8) == 0])
    recorded = [
        0.14408763533384455,
        0.029029035836340755,
        0.9914152857940957,
        0.259225100817846,
        0.10769660910876155,
        0.4762539522628915,
        0.029029035836340755,
        0.3127414837471977,
    ]
    np.testing.assert_allclose(kept.probability(rows), recorded, rtol=1e-14)

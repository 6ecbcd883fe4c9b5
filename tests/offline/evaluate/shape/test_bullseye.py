"""The bullseye score: counted by hand, ties, nothing relevant, numbers that are none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets.types import Relevance
from offline.evaluate.shape.measure import bullseye, bullseyes

# Six shapes of classes a, a, b, b, c, c on a line: each one's distance to all.
PLACES = np.array([0.0, 1.0, 2.0, 5.0, 5.5, 9.0])
ANSWERS = [Relevance((0, 1))] * 2 + [Relevance((2, 3))] * 2 + [Relevance((4, 5))] * 2


def test_six_shapes_counted_by_hand() -> None:
    # Four answers each. a: 0 1 2 5 -> both; 1 0 2 5 -> both. b: at 2 the nearest are 2, 1, 0 and
    # 5 -> both; at 5: 5, 5.5, 2, 1 or 9 -> both. c: at 5.5: 5.5, 5, 2 or 9 -> both; at 9: 9, 5.5.
    rows = [np.abs(PLACES - place) for place in PLACES]
    assert bullseyes(rows, ANSWERS, 4) == [1, 1, 1, 1, 1, 1]
    # Two answers each: 5 finds itself and 5.5, so half; 5.5 finds 5, half; 2 finds 1, half.
    assert bullseyes(rows, ANSWERS, 2) == [1, 1, 0.5, 0.5, 0.5, 1]


def test_ties_go_to_the_position() -> None:
    equal = np.zeros(6)
    assert bullseye(equal, Relevance((0, 1)), 2) == 1
    assert bullseye(equal, Relevance((2, 3)), 2) == 0
    assert bullseye(equal, Relevance((1, 2)), 2) == 0.5


def test_infinitely_far_is_no_answer() -> None:
    line = np.array([0.0, np.inf, np.inf])
    assert bullseye(line, Relevance((0, 1)), 3) == 0.5


def test_ignored_shapes_take_no_place() -> None:
    line = np.array([0.0, 1.0, 2.0])
    assert bullseye(line, Relevance((1, 2), ignored=(0,)), 2) == 1


def test_nothing_relevant_scores_nothing() -> None:
    assert bullseye(np.zeros(3), Relevance(()), 2) == 0


def test_a_distance_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        bullseye(np.array([0.0, np.nan]), Relevance((0,)), 1)


@given(st.lists(st.integers(0, 5), min_size=8, max_size=30), st.integers(1, 20))
def test_it_agrees_with_sorting_pairs(places: list[int], depth: int) -> None:
    line = np.array(places, np.float64)
    relevant = tuple(range(0, len(places), 3))
    nearest = sorted(range(len(places)), key=lambda at: (places[at], at))[:depth]
    slow = len(set(nearest) & set(relevant)) / len(relevant)
    assert bullseye(line, Relevance(relevant), depth) == pytest.approx(slow)


def test_without_a_depth_twice_the_relevant_count() -> None:
    line = np.arange(6.0)
    answers = [Relevance((1,)), Relevance((2,)), Relevance((3, 5)), Relevance(())]
    assert bullseyes([line] * 4, answers) == [1, 0, 0.5, 0]

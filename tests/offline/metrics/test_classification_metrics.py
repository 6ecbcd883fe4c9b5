"""Metrics of a classifier against an example by hand and against counting one by one."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import RouteSettings
from engine.probabilities import softmax_at
from offline.metrics.classification import (
    category_metrics,
    confusion_matrix,
    routing_metrics,
    scores_of,
    summary,
)

NAMES = ("bottle", "cap", "jar", "puff")
photos = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=40)

# Three bottles (one taken for a cap), two caps, one jar (taken for a bottle), no puff.
GIVEN, TRUE = np.array([0, 0, 1, 1, 1, 0]), np.array([0, 0, 0, 1, 1, 2])


def test_the_matrix_of_the_example_by_hand() -> None:
    expected = [[2, 1, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert confusion_matrix(GIVEN, TRUE, 4).tolist() == expected


def test_the_figures_of_the_example_by_hand() -> None:
    bottle, cap, jar, puff = category_metrics(confusion_matrix(GIVEN, TRUE, 4))
    assert (bottle.precision, bottle.recall, bottle.f1) == pytest.approx((2 / 3, 2 / 3, 2 / 3))
    assert (cap.precision, cap.recall, cap.f1) == pytest.approx((2 / 3, 1, 4 / 5))
    assert (jar.precision, jar.recall, jar.f1) == (0, 0, 0)
    assert (puff.precision, puff.recall, puff.f1, puff.support) == (0, 0, 0, 0)
    # Equation 6, (TP + TN) / all: bottle 2 + 2, cap 2 + 3, jar 0 + 5, puff 0 + 6, of 6.
    accuracies = [one.accuracy for one in (bottle, cap, jar, puff)]
    assert accuracies == pytest.approx([4 / 6, 5 / 6, 5 / 6, 1])


def test_the_averages_of_the_example_by_hand_leave_out_what_has_no_photo() -> None:
    found = summary(confusion_matrix(GIVEN, TRUE, 4))
    assert (found.photos, found.accuracy) == (6, pytest.approx(4 / 6))
    assert found.average_accuracy == pytest.approx((4 + 5 + 5) / 18)
    assert found.macro_precision == pytest.approx((2 / 3 + 2 / 3 + 0) / 3)
    assert found.macro_recall == pytest.approx((2 / 3 + 1 + 0) / 3)
    assert found.macro_f1 == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


@given(photos)
def test_every_figure_equals_its_slow_twin(pairs: list[tuple[int, int]]) -> None:
    given_, true = (np.array(column) for column in zip(*pairs, strict=True))
    figures = category_metrics(confusion_matrix(given_, true, 4))
    for number, found in enumerate(figures):
        expected = _slow_figures(pairs, number)
        assert (found.precision, found.recall, found.f1, found.accuracy) == pytest.approx(expected)
        assert found.support == sum(right == number for _, right in pairs)


@given(photos)
def test_a_plain_accuracy_can_be_read_off_the_papers(pairs: list[tuple[int, int]]) -> None:
    pairs = [*pairs, *((n, n) for n in range(4))]  # every category takes part
    found = summary(confusion_matrix(*(np.array(c) for c in zip(*pairs, strict=True)), 4))
    assert found.accuracy == pytest.approx(1 - (1 - found.average_accuracy) * 4 / 2)


def test_a_perfect_classifier_has_ones_everywhere() -> None:
    found = summary(confusion_matrix(np.arange(4), np.arange(4), 4))
    assert {found.accuracy, found.average_accuracy, found.macro_f1, found.macro_recall} == {1.0}


@pytest.mark.parametrize(("given_", "true"), [([0, 4], [0, 0]), ([0, 0], [0, -1]), ([0], [0, 0])])
def test_numbers_that_fit_no_matrix_are_refused(given_: list[int], true: list[int]) -> None:
    with pytest.raises(ValueError, match=r"category numbers|one prediction"):
        confusion_matrix(np.array(given_), np.array(true), 4)


def test_figures_of_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one photo"):
        summary(np.zeros((3, 3), np.int64))
    with pytest.raises(ValueError, match="at least one photo"):
        routing_metrics([], [], RouteSettings())


@given(st.integers(0, 10**6), st.integers(1, 30), st.floats(0.05, 1), st.booleans())
def test_routing_equals_adding_up_the_likeliest_until_it_is_enough(
    seed: int, count: int, share: float, by_mass: bool
) -> None:
    random = np.random.default_rng(seed)
    rows = softmax_at(random.normal(size=(count, 4)) * 2).astype(np.float32)
    labels = random.integers(0, 4, count)
    unknown = random.random(count) < 0.2
    way = {"mass": share} if by_mass else {"by": "probability", "least_probability": share}
    found = routing_metrics(
        scores_of(NAMES, rows, unknown),
        [NAMES[label] for label in labels],
        RouteSettings.model_validate({"unsure_below": 0, **way}),
    )
    sets = [
        set(range(4)) if lost else _slow_set(row.tolist(), share, by_mass)
        for row, lost in zip(rows, unknown, strict=True)
    ]
    assert found.searched == pytest.approx(sum(map(len, sets)) / count)
    reached = sum(label in one for label, one in zip(labels, sets, strict=True))
    assert found.reach == pytest.approx(reached / count)
    assert found.everywhere == pytest.approx(unknown.mean())


def test_a_higher_mass_reaches_and_searches_no_less() -> None:
    random = np.random.default_rng(3)
    scores = scores_of(NAMES, softmax_at(random.normal(size=(200, 4))))
    true = [NAMES[label] for label in random.integers(0, 4, 200)]
    curve = [
        routing_metrics(scores, true, RouteSettings(mass=m, unsure_below=0))
        for m in (0.3, 0.6, 0.9, 0.99, 1.0)
    ]
    for lower, higher in pairwise(curve):
        assert lower.reach <= higher.reach
        assert lower.searched <= higher.searched
    assert (curve[-1].reach, curve[-1].searched) == (1, 4)


def _slow_figures(pairs: list[tuple[int, int]], number: int) -> tuple[float, float, float, float]:
    hits = sum(1 for got, right in pairs if got == right == number)
    false = sum(1 for got, right in pairs if got == number != right)
    missed = sum(1 for got, right in pairs if right == number != got)
    rest = len(pairs) - hits - false - missed
    precision = hits / (hits + false) if hits + false else 0.0
    recall = hits / (hits + missed) if hits + missed else 0.0
    f1 = 2 * precision * recall / (precision + recall) if hits else 0.0
    return precision, recall, f1, (hits + rest) / len(pairs)


def _slow_set(row: list[float], share: float, by_mass: bool) -> set[int]:
    order = sorted(range(len(row)), key=lambda index: (-row[index], index))
    total = math.fsum(row)
    if not by_mass:
        return {n for n in order if row[n] / total >= share - 1e-6} | {order[0]}
    kept: set[int] = set()
    for index in order:
        kept.add(index)
        if sum(row[one] for one in kept) / total >= share - 1e-6:
            break
    return kept

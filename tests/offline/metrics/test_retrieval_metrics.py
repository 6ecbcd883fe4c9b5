"""Retrieval metrics against values worked out by hand and slow obvious twins; their names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.metrics import retrieval as metrics
from offline.metrics.retrieval import Found, metric, metric_values

# Relevant at ranks 1, 3 and 6; a fourth was never retrieved.
EXAMPLE = Found(np.array([1, 3, 6]), 4)
NOTHING_FOUND = Found(np.array([], np.int64), 2)
NOTHING_TO_FIND = Found(np.array([], np.int64), 0)

FIRST, SECOND = Found(np.array([1, 4]), 2), Found(np.array([2]), 3)

WHOLE = (
    metrics.average_precision,
    metrics.trapezoid_average_precision,
    metrics.map_at_r,
    metrics.r_precision,
    metrics.reciprocal_rank,
)
AT_K = (
    metrics.instance_recall_at,
    metrics.set_recall_at,
    metrics.precision_at,
    metrics.f1_at,
    metrics.average_precision_at,
    metrics.revisited_precision_at,
)

lists = st.lists(st.booleans(), max_size=25)
missed_ones = st.integers(0, 4)
depths = st.integers(1, 30)


def found_in(ranked: list[bool], missed: int = 0) -> Found:
    return Found.of(ranked, sum(ranked) + missed)


@pytest.mark.parametrize(
    ("metric", "by_depth"),
    [
        (metrics.instance_recall_at, {1: 1, 2: 1, 6: 1}),
        (metrics.set_recall_at, {1: 1 / 4, 2: 1 / 4, 3: 2 / 4, 6: 3 / 4, 99: 3 / 4}),
        (metrics.precision_at, {1: 1, 2: 1 / 2, 3: 2 / 3, 5: 2 / 5, 6: 3 / 6, 10: 3 / 10}),
        # Precision 2/3 and recall 2/4: 2 * (2/3 * 1/2) / (2/3 + 1/2) = 4/7.
        (metrics.f1_at, {3: 4 / 7, 1: 2 / 5}),
        # Of the first three at most three are found; of the first ten all four.
        (metrics.average_precision_at, {3: (1 + 2 / 3) / 3, 10: (1 + 2 / 3 + 3 / 6) / 4}),
        # The last relevant image that was retrieved is at rank 6.
        (metrics.revisited_precision_at, {1: 1, 5: 2 / 5, 6: 3 / 6, 10: 3 / 6}),
    ],
)
def test_metrics_at_k_match_the_hand_computed_example(
    metric: Callable[[Found, int], float], by_depth: dict[int, float]
) -> None:
    for k, value in by_depth.items():
        assert metric(EXAMPLE, k) == pytest.approx(value), k


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        (metrics.average_precision, (1 / 1 + 2 / 3 + 3 / 6 + 0) / 4),
        # Trapezoids: (1 + 1)/2, (2/3 + 1/2)/2, (3/6 + 2/5)/2, each over a quarter of the recall.
        (metrics.trapezoid_average_precision, (1 + (2 / 3 + 1 / 2) / 2 + (1 / 2 + 2 / 5) / 2) / 4),
        # The first four ranks hold two of four: (1 + 2/3) / 4.
        (metrics.map_at_r, (1 + 2 / 3) / 4),
        (metrics.r_precision, 2 / 4),
        (metrics.reciprocal_rank, 1),
    ],
)
def test_metrics_of_the_whole_ranking_match_the_hand_computed_example(
    metric: Callable[[Found], float], value: float
) -> None:
    assert metric(EXAMPLE) == pytest.approx(value)


def test_the_first_relevant_image_at_rank_two_counts_precision_zero_before_it() -> None:
    # Precision is 0 at rank 1 and 1/2 at rank 2: the trapezoid is (0 + 1/2) / 2.
    assert metrics.trapezoid_average_precision(Found(np.array([2]), 1)) == pytest.approx(1 / 4)
    assert metrics.average_precision(Found(np.array([2]), 1)) == pytest.approx(1 / 2)
    assert metrics.reciprocal_rank(Found(np.array([2]), 1)) == pytest.approx(1 / 2)


def test_revisited_precision_lets_a_query_of_few_relevant_images_reach_one() -> None:
    perfect = Found(np.array([1, 2, 3]), 3)
    assert metrics.revisited_precision_at(perfect, 10) == 1.0
    assert metrics.precision_at(perfect, 10) == pytest.approx(0.3)


@pytest.mark.parametrize("metric", WHOLE)
def test_a_perfect_ranking_scores_one_and_an_empty_one_zero(
    metric: Callable[[Found], float],
) -> None:
    assert metric(Found(np.arange(1, 6), 5)) == pytest.approx(1.0)
    assert metric(NOTHING_FOUND) == 0.0
    assert metric(NOTHING_TO_FIND) == 0.0


@pytest.mark.parametrize("metric", AT_K)
def test_nothing_found_is_zero_at_every_depth_and_depth_zero_is_refused(
    metric: Callable[[Found, int], float],
) -> None:
    assert [metric(found, k) for found in (NOTHING_FOUND, NOTHING_TO_FIND) for k in (1, 7)] == (
        [0.0] * 4
    )
    with pytest.raises(ValueError, match="at least 1"):
        metric(EXAMPLE, 0)


@pytest.mark.parametrize("ranks", [[0], [2, 2], [3, 1], [-1, 2]])
def test_ranks_that_are_no_ranks_are_refused(ranks: list[int]) -> None:
    with pytest.raises(ValueError, match="ascend from 1"):
        Found(np.array(ranks), 9)


def test_more_found_than_there_are_is_refused() -> None:
    with pytest.raises(ValueError, match="only 1 exist"):
        Found(np.array([1, 2]), 1)


@given(ranked=lists, missed=missed_ones)
def test_the_trapezoid_equals_a_walk_down_the_ranking(ranked: list[bool], missed: int) -> None:
    found = found_in(ranked, missed)
    assert metrics.trapezoid_average_precision(found) == pytest.approx(
        _slow_trapezoid(ranked, found.total)
    )


@given(ranked=lists, missed=missed_ones, k=depths)
def test_average_precision_equals_its_slow_twin(ranked: list[bool], missed: int, k: int) -> None:
    found = Found.of(ranked, sum(ranked) + missed)
    assert metrics.average_precision(found) == pytest.approx(
        _slow_average_precision(ranked, found.total)
    )
    assert metrics.average_precision_at(found, k) == pytest.approx(
        _slow_average_precision(ranked[:k], min(found.total, k))
    )
    assert metrics.instance_recall_at(found, k) == float(any(ranked[:k]))


def test_without_a_total_all_relevant_answers_were_retrieved() -> None:
    found = Found.of([False, True, True])
    assert (found.ranks.tolist(), found.total) == ([2, 3], 2)
    assert Found.of([]).total == 0


@given(ranked=lists, missed=missed_ones, k=depths)
def test_metrics_at_k_equal_their_slow_twins(ranked: list[bool], missed: int, k: int) -> None:
    found = found_in(ranked, missed)
    hits = sum(ranked[:k])
    precision, recall = hits / k, hits / found.total if found.total else 0.0
    assert metrics.precision_at(found, k) == pytest.approx(precision)
    assert metrics.set_recall_at(found, k) == pytest.approx(recall)
    harmonic = 2 * precision * recall / (precision + recall) if hits else 0.0
    assert metrics.f1_at(found, k) == pytest.approx(harmonic)
    last = max((at + 1 for at, relevant in enumerate(ranked) if relevant), default=0)
    shown = min(k, last)
    assert metrics.revisited_precision_at(found, k) == pytest.approx(
        sum(ranked[:shown]) / shown if shown else 0.0
    )


@given(ranked=lists.filter(any), missed=missed_ones, k=depths)
def test_every_metric_lies_between_zero_and_one_and_never_falls_with_a_better_ranking(
    ranked: list[bool], missed: int, k: int
) -> None:
    last = max(at for at, relevant in enumerate(ranked) if relevant)
    better = [True, *ranked[:last], *ranked[last + 1 :]]
    before, after = found_in(ranked, missed), found_in(better, missed)
    for whole in WHOLE:
        assert 0 <= whole(before) <= whole(after) + 1e-12 <= 1 + 2e-12
    # Revisited precision looks at another depth once the last relevant image has moved up.
    for at in AT_K[:-1]:
        assert 0 <= at(before, k) <= at(after, k) + 1e-12 <= 1 + 2e-12


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("R@1", metrics.instance_recall_at(SECOND, 1)),
        ("top@5", 1.0),
        ("recall@5", 1 / 3),
        ("P@4", 1 / 4),
        ("F1@3", 2 / 6),
        ("AP@10", metrics.average_precision_at(SECOND, 10)),
        ("mP@10", 1 / 2),
        ("mAP", 1 / 6),
        ("mAP-trapezoid", 1 / 12),
        ("MAP@R", 1 / 6),
        ("MRR", 1 / 2),
        ("R-precision", 1 / 3),
    ],
)
def test_a_name_is_the_metric_that_papers_call_so(name: str, value: float) -> None:
    assert metric(name).of(SECOND) == pytest.approx(value)


@pytest.mark.parametrize("name", ["", "mPA", "R", "R@", "R@0", "R@-1", "R@1.5", "Q@3", "mAP@3x"])
def test_an_unknown_name_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(ConfigError, match=r"unknown metric .* Valid: .*MRR.*recall@K"):
        metric(name)


def test_values_have_a_row_a_query_and_a_column_a_metric() -> None:
    found = metric_values([FIRST, SECOND], ["R@1", "MRR", "recall@5"])
    np.testing.assert_allclose(found, [[1, 1, 1], [0, 1 / 2, 1 / 3]])
    with pytest.raises(ConfigError, match="none given"):
        metric_values([FIRST], [])


def _slow_average_precision(ranked: list[bool], possible: int) -> float:
    hits, summed = 0, 0.0
    for rank, relevant in enumerate(ranked, start=1):
        if relevant:
            hits += 1
            summed += hits / rank
    return summed / possible if possible else 0.0


def _slow_trapezoid(ranked: list[bool], total: int) -> float:
    """The area below precision over recall, rank by rank, precision 1 before the first."""
    area, seen, old_recall, old_precision = 0.0, 0, 0.0, 1.0
    for rank, relevant in enumerate(ranked, start=1):
        seen += relevant
        recall, precision = (seen / total if total else 0.0), seen / rank
        area += (recall - old_recall) * (old_precision + precision) / 2
        old_recall, old_precision = recall, precision
    return area

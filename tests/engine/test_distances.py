"""Distances by every metric against the textbook, one pair at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.distances import METRICS, Metric, distances, score_of, unit_or_zero
from engine.types import FloatArray

numbers = st.sampled_from([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0])
rows = st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=6)


def slow(q: FloatArray, g: FloatArray, metric: Metric) -> float:
    product = sum(float(a) * float(b) for a, b in zip(q, g, strict=True))
    if metric == "inner_product":
        return -product
    if metric == "euclidean":
        return math.dist(q.tolist(), g.tolist())
    lengths = math.hypot(*q.tolist()) * math.hypot(*g.tolist())
    return 1 - product / lengths if lengths else 1.0


@pytest.mark.parametrize("metric", METRICS)
@given(queries=rows, gallery=rows)
def test_every_pair_has_the_distance_of_the_textbook(
    metric: Metric, queries: list[tuple[float, ...]], gallery: list[tuple[float, ...]]
) -> None:
    q, g = np.array(queries, np.float32), np.array(gallery, np.float32)
    expected = [[slow(one, other, metric) for other in g] for one in q]
    np.testing.assert_allclose(distances(q, g, metric), expected, atol=2e-7)


def test_the_metrics_order_vectors_differently() -> None:
    query = np.array([[1, 0]], np.float32)
    gallery = np.array([[1, 0.5], [9, 1], [0.5, 0]], np.float32)
    found = [int(distances(query, gallery, metric).argmin()) for metric in METRICS]
    assert dict(zip(METRICS, found, strict=True)) == {
        "euclidean": 0,
        "cosine": 2,
        "inner_product": 1,
    }


def test_a_row_of_zeros_has_no_direction_and_stays() -> None:
    rows = np.array([[0, 0], [3, 4]], np.float32)
    np.testing.assert_allclose(unit_or_zero(rows), [[0, 0], [0.6, 0.8]])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("normalised", [True, False])
def test_what_is_nearer_scores_higher(metric: Metric, normalised: bool) -> None:
    near, far = score_of(0.1, metric, normalised=normalised), score_of(0.4, metric, normalised=True)
    assert near > far or (metric == "euclidean" and not normalised)
    assert score_of(0.1, metric, normalised=normalised) > score_of(
        0.4, metric, normalised=normalised
    )


def test_the_cosine_of_unit_vectors_is_the_score_by_either_metric() -> None:
    q, g = (unit_or_zero(np.array([row], np.float32)) for row in ((1, 2, 2), (2, 1, 2)))
    for metric in METRICS:
        (((distance,),)) = distances(q, g, metric).tolist()
        assert score_of(distance, metric, normalised=True) == pytest.approx(8 / 9, abs=1e-6)

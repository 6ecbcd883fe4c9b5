"""Query expansion against the sum written out, term by term."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.distances import METRICS, distances
from engine.expansion import expanded, expanded_within
from engine.types import FloatArray
from engine.vectors import unit_rows


def drawn(seed: int, *shape: int) -> FloatArray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def slow(
    query: list[float], neighbours: list[list[float]], alpha: float, *, normalised: bool
) -> list[float]:
    total, weights = list(query), 1.0
    for near in neighbours:
        lengths = math.hypot(*query) * math.hypot(*near)
        cosine = sum(a * b for a, b in zip(query, near, strict=True)) / lengths if lengths else 0
        weight = max(0.0, cosine) ** alpha
        weights += weight
        total = [a + weight * b for a, b in zip(total, near, strict=True)]
    by = math.hypot(*total) if normalised else weights
    return [value / by for value in total]


@given(
    seed=st.integers(0, 999),
    count=st.integers(0, 4),
    near=st.integers(0, 5),
    alpha=st.sampled_from([0.0, 0.5, 1.0, 3.0, 50.0]),
    normalised=st.booleans(),
)
def test_every_query_is_the_sum_of_the_paper(
    seed: int, count: int, near: int, alpha: float, normalised: bool
) -> None:
    queries, neighbours = drawn(seed, count, 3), drawn(seed + 1, count, near, 3)
    if normalised:
        queries = unit_rows(queries)
        neighbours = unit_rows(neighbours.reshape(-1, 3)).reshape(neighbours.shape)
    found = expanded(queries, neighbours, alpha, normalised=normalised)
    expected = [
        slow(q.tolist(), g.tolist(), alpha, normalised=normalised)
        for q, g in zip(queries, neighbours, strict=True)
    ]
    np.testing.assert_allclose(found, np.reshape(expected, (count, 3)), atol=1e-5)
    if normalised:
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("alpha", [0.0, 3.0])
def test_a_neighbour_equal_to_the_query_changes_nothing(normalised: bool, alpha: float) -> None:
    queries = unit_rows(drawn(1, 4, 8))
    found = expanded(queries, queries[:, None], alpha, normalised=normalised)
    np.testing.assert_allclose(found, queries, atol=1e-7)


def test_alpha_0_is_the_plain_average_and_a_large_one_trusts_the_nearest() -> None:
    query = np.array([[1.0, 0.0]], np.float32)
    near = np.array([[[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]], np.float32)
    plain = expanded(query, near, 0.0, normalised=False)
    np.testing.assert_allclose(plain, [[1 / 4, 1 / 4]])
    # Only the equal one has a positive cosine.
    np.testing.assert_allclose(expanded(query, near, 3.0, normalised=False), query)


def test_vectors_of_zeros_take_no_part_and_stay_finite() -> None:
    zero = np.zeros((1, 2), np.float32)
    near = np.array([[[0.0, 0.0], [1.0, 0.0]]], np.float32)
    for normalised in (True, False):
        assert np.isfinite(expanded(zero, near, 3.0, normalised=normalised)).all()


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), float("inf")])
def test_an_alpha_that_is_no_power_is_refused(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        expanded(drawn(1, 1, 2), drawn(2, 1, 3, 2), alpha, normalised=False)


@pytest.mark.parametrize("metric", METRICS)
def test_a_whole_protocol_takes_the_nearest_of_each_query(metric: str) -> None:
    queries, gallery = drawn(1, 5, 4), drawn(2, 9, 4)
    for n in (1, 3, 9, 20):
        found = expanded_within(queries, gallery, n, 3.0, normalised=False, metric=metric)
        for query, row in zip(queries, found, strict=True):
            nearest = sorted(
                range(9), key=lambda at: (distances(query[None], gallery, metric)[0, at], at)
            )[:n]
            twin = slow(query.tolist(), gallery[nearest].tolist(), 3.0, normalised=False)
            np.testing.assert_allclose(row, twin, atol=1e-5)
    assert expanded_within(queries, gallery, 0, 3.0, normalised=False, metric=metric) is queries

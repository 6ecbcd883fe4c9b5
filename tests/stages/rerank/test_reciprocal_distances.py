"""k-reciprocal encoding against the paper's definitions, set by set."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.distances import distances
from stages.rerank.k_reciprocal import k_reciprocal_distances


def drawn(seed: int, count: int) -> np.ndarray:
    """(N, N) Euclidean distances of random points on a coarse grid, so that some are equal."""
    points = np.random.default_rng(seed).integers(0, 5, (count, 2)).astype(np.float32)
    return distances(points, points, "euclidean")


def slow(square: np.ndarray, queries: int, k1: int, k2: int, weight: float) -> np.ndarray:
    """Sets and loops, equation by equation."""
    everybody = range(len(square))
    scaled = [
        [square[i][j] ** 2 / (max(square[i]) ** 2 or 1) for j in everybody] for i in everybody
    ]
    ranked = [sorted(everybody, key=lambda j: (j != i, scaled[i][j], j)) for i in everybody]

    def reciprocal(i: int, k: int) -> set[int]:
        return {j for j in ranked[i][: k + 1] if i in ranked[j][: k + 1]}

    def robust(i: int) -> set[int]:
        near = reciprocal(i, k1)
        wider = set(near)
        for j in near:
            theirs = reciprocal(j, round(k1 / 2))
            if 3 * len(near & theirs) >= 2 * len(theirs):
                wider |= theirs
        return wider

    encoded = []
    for i in everybody:
        members = robust(i)
        raw = [math.exp(-scaled[i][j]) if j in members else 0.0 for j in everybody]
        encoded.append([value / sum(raw) for value in raw])
    if k2 > 1:
        encoded = [
            [sum(encoded[n][j] for n in ranked[i][:k2]) / len(ranked[i][:k2]) for j in everybody]
            for i in everybody
        ]
    found = np.empty((queries, len(square) - queries))
    for i in range(queries):
        for j in range(queries, len(square)):
            pairs = list(zip(encoded[i], encoded[j], strict=True))
            jaccard = 1 - sum(map(min, pairs)) / sum(map(max, pairs))
            found[i, j - queries] = (1 - weight) * jaccard + weight * scaled[i][j]
    return found


@given(
    seed=st.integers(0, 999),
    count=st.integers(1, 14),
    queries=st.integers(0, 3),
    k1=st.integers(1, 8),
    k2=st.integers(1, 4),
    weight=st.sampled_from([0.0, 0.3, 1.0]),
)
def test_every_distance_is_that_of_the_definitions(
    seed: int, count: int, queries: int, k1: int, k2: int, weight: float
) -> None:
    square = drawn(seed, count)
    queries = min(queries, count)
    found = k_reciprocal_distances(square, queries, k1, k2, weight)
    np.testing.assert_allclose(found, slow(square, queries, k1, k2, weight), atol=1e-9)


def test_the_input_is_left_as_it_was() -> None:
    square = drawn(1, 9)
    kept = square.copy()
    k_reciprocal_distances(square, 2)
    np.testing.assert_array_equal(square, kept)


def test_weight_1_is_the_original_order() -> None:
    square = drawn(4, 12)
    found = k_reciprocal_distances(square, 1, weight=1.0)[0]
    np.testing.assert_array_equal(
        np.argsort(found, kind="stable"), np.argsort(square[0, 1:], kind="stable")
    )


def test_one_that_shares_neighbours_overtakes_a_nearer_stranger() -> None:
    """The stranger lies a little nearer to the query, but among a crowd of its own."""
    own = [(0.0, 0.1), (0.0, -0.1), (0.1, 0.0), (-0.555, 0.0)]
    crowd = [(0.55, 0.0), *((0.55 + 0.01 * step, 0.01) for step in range(1, 6))]
    points = np.array([(0.0, 0.0), *own, *crowd], np.float32)
    square = distances(points, points, "euclidean")
    farthest_own, stranger = 4, 5
    assert square[0, stranger] < square[0, farthest_own]
    found = k_reciprocal_distances(square, 1, k1=5, k2=1)[0]
    assert found[farthest_own - 1] < found[stranger - 1]


@pytest.mark.parametrize(
    ("shape", "queries", "values"),
    [
        ((2, 3), 1, {}),
        ((4, 4), 5, {}),
        ((4, 4), 1, {"k1": 0}),
        ((4, 4), 1, {"k2": 0}),
        ((4, 4), 1, {"weight": 1.1}),
    ],
)
def test_what_cannot_be_meant_is_refused(
    shape: tuple[int, int], queries: int, values: dict[str, float]
) -> None:
    with pytest.raises(ValueError, match=r"must be square|there are 4 rows|out of range"):
        k_reciprocal_distances(np.zeros(shape), queries, **values)

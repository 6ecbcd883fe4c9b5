"""Exact rankings, query expansion and the fetch that doubles, each against a slow obvious twin."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import retrieval
from engine.distances import METRICS, Metric, unit_rows
from engine.errors import ConfigError
from engine.retrieval import (
    Expansion,
    Ranking,
    Scope,
    VectorIndex,
    expand,
    expanded,
    first,
    nearest_products,
    ranks,
)
from engine.types import FloatArray, IntArray

metrics = st.sampled_from(METRICS)
EVERYTHING = Scope()


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


def rows_of(seed: int, count: int, dimension: int = 3) -> FloatArray:
    """Few different values, so that rows and distances often are equal."""
    random = np.random.default_rng(seed)
    return random.integers(-1, 2, (count, dimension)).astype(np.float32)


def slow_distance(query: FloatArray, image: FloatArray, metric: Metric) -> float:
    q, g = query.astype(np.float64), image.astype(np.float64)
    if metric == "euclidean":
        return float(np.sqrt(((q - g) ** 2).sum()))
    if metric == "inner_product":
        return -float(q @ g)
    lengths = np.linalg.norm(q) * np.linalg.norm(g)
    return float(1 - (q @ g) / lengths) if lengths else 1.0


def slow_nearest(
    query: FloatArray, gallery: FloatArray, metric: Metric, allowed: Sequence[int]
) -> list[tuple[float, int]]:
    """(distance, id) of the allowed images, sorted."""
    return sorted((round(slow_distance(query, gallery[at], metric), 6), at) for at in allowed)


@given(
    seed=st.integers(0, 999),
    count=st.integers(1, 12),
    k=st.integers(0, 14),
    metric=metrics,
    without=st.sets(st.integers(0, 11)),
    category=st.sampled_from([None, ("jar",), ("tube", "unknown"), ()]),
)
def test_the_nearest_are_those_of_a_full_sort_within_the_scope(
    seed: int,
    count: int,
    k: int,
    metric: Metric,
    without: set[int],
    category: tuple[str, ...] | None,
) -> None:
    queries, gallery = rows_of(seed, 4), rows_of(seed + 1, count)
    categories = ["jar" if at % 2 else "tube" for at in range(count)]
    left_out = [at for at in without if at < count]
    index = VectorIndex(gallery, metric, categories)
    allowed = [
        at
        for at in range(count)
        if at not in left_out and (category is None or categories[at] in category)
    ]
    found = index.nearest(queries, k, [Scope(category, left_out)] * 4)
    for query, ranking in zip(queries, found, strict=True):
        expected = slow_nearest(query, gallery, metric, allowed)[:k]
        assert ranking.ids.tolist() == [at for _, at in expected]
        assert ranking.distances == pytest.approx([away for away, _ in expected], abs=2e-6)


@given(seed=st.integers(0, 99), metric=metrics)
def test_small_blocks_give_what_one_block_gives(seed: int, metric: Metric) -> None:
    queries, gallery = rows_of(seed, 7), rows_of(seed + 1, 9)
    whole = VectorIndex(gallery, metric).distances(queries)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "BLOCK_BYTES", 80)
        patch.setattr(retrieval, "GALLERY_ROWS", 4)
        index = VectorIndex(gallery, metric)
        blocks = list(index.blocks(7))
        parts = [index.distances(queries[start:stop]) for start, stop in blocks]
    assert blocks == [(0, 2), (2, 4), (4, 6), (6, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_images_are_equally_far_wherever_they_stand(metric: Metric) -> None:
    random = np.random.default_rng(5)
    queries = random.normal(size=(3, 257)).astype(np.float32)
    gallery = np.repeat(random.normal(size=(1, 257)).astype(np.float32), 1031, axis=0)
    gallery[::100] = queries[0]
    same, others = list(range(0, 1031, 100)), [at for at in range(1031) if at % 100]
    one, *rest = VectorIndex(gallery, metric).nearest(queries, len(gallery), [EVERYTHING] * 3)
    assert one.ids.tolist() == [*same, *others]
    # Elsewhere either kind may be the nearer one; within a kind the order is that of places.
    for ranking in rest:
        order = ranking.ids.tolist()
        assert [at for at in order if at % 100 == 0] == same
        assert [at for at in order if at % 100] == others


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_an_image_is_exactly_zero_away_from_itself(metric: Metric) -> None:
    rows = np.random.default_rng(1).normal(3, 1, (5, 300)).astype(np.float32)
    for ranking in VectorIndex(rows, metric).nearest(rows, 1, [EVERYTHING] * 5):
        assert ranking.distances.tolist() == [0]


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(-1, 14))
def test_the_first_k_of_a_line_are_those_of_a_stable_sort(values: list[int], k: int) -> None:
    line = np.array(values, np.float32)
    line[line == 3] = np.inf
    expected = [at for at in np.argsort(line, kind="stable") if np.isfinite(line[at])]
    assert first(line, k).tolist() == expected[: max(k, 0)]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.data(), st.sampled_from([0, 64]))
def test_ranks_are_places_in_a_stable_sort(
    values: list[int], data: st.DataObject, counted: int
) -> None:
    line = np.array(values, np.float32)
    line[line == 3] = np.inf
    chosen = data.draw(st.lists(st.integers(0, len(values) - 1), unique=True))
    order = np.argsort(line, kind="stable").tolist()
    expected = [order.index(at) + 1 if np.isfinite(line[at]) else 0 for at in chosen]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(retrieval, "COUNTED", counted)
        assert ranks(line, np.array(chosen, np.int64)).tolist() == expected


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_row(bad: float) -> None:
    rows = np.zeros((3, 2), np.float32)
    rows[1, 1] = bad
    with pytest.raises(ConfigError, match="row 1") as refused:
        VectorIndex(rows, "euclidean")
    assert "weights verify" in str(refused.value.remedy)


def test_vectors_of_different_lengths_are_refused() -> None:
    index = VectorIndex(np.zeros((1, 3), np.float32), "euclidean")
    with pytest.raises(ConfigError):
        index.distances(np.zeros((1, 2), np.float32))


@given(
    seed=st.integers(0, 99),
    count=st.sampled_from([0, 1, 3, 20]),
    left_out=st.sets(st.integers(0, 8), max_size=9),
)
def test_a_query_is_expanded_by_its_nearest_within_its_scope(
    seed: int, count: int, left_out: set[int]
) -> None:
    queries, gallery = drawn(seed, 3, 4), drawn(seed + 1, 9, 4)
    scopes = [Scope(None, left_out), EVERYTHING, Scope(None, range(9))]
    moved = expand(
        VectorIndex(gallery, "euclidean"), queries, scopes, Expansion(count, 2.0, normalised=False)
    )
    for query, row, scope in zip(queries, moved, scopes, strict=True):
        allowed = [at for at in range(9) if at not in scope.without]
        near = [at for _, at in slow_nearest(query, gallery, "euclidean", allowed)[:count]]
        twin = slow(query.tolist(), gallery[near].tolist(), 2.0, normalised=False)
        np.testing.assert_allclose(row, twin, atol=1e-5)


@given(st.lists(st.integers(0, 5), max_size=60), st.integers(1, 8), st.integers(0, 20))
def test_enough_images_are_fetched_for_k_products(
    products: list[int], k: int, at_least: int
) -> None:
    """Product of every image, nearest first."""

    def nearest(count: int) -> Ranking:
        ids = np.arange(min(count, len(products)))
        return Ranking(ids, ids.astype(np.float64))

    def product_of(ids: IntArray) -> list[int]:
        return [products[at] for at in ids.tolist()]

    found = nearest_products(nearest, product_of, k, at_least)
    assert len(set(product_of(found.ids))) >= min(k, len(set(products)))
    assert len(found) >= min(at_least, len(products))

"""Exact rankings in blocks: equal to sorting everything, ties by position, bad numbers refused."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.distances import METRICS, Metric
from engine.errors import ConfigError
from engine.types import FloatArray
from offline.evaluate import distances
from offline.evaluate.ranking import NOBODY, first, nearest, rank

metrics = st.sampled_from(METRICS)


def rows_of(seed: int, count: int, dimension: int = 3) -> FloatArray:
    """Few different values, so that rows and distances often are equal."""
    random = np.random.default_rng(seed)
    return random.integers(-1, 2, (count, dimension)).astype(np.float32)


def slow_distance(query: FloatArray, picture: FloatArray, metric: Metric) -> float:
    q, g = query.astype(np.float64), picture.astype(np.float64)
    if metric == "euclidean":
        return float(np.sqrt(((q - g) ** 2).sum()))
    if metric == "inner_product":
        return -float(q @ g)
    lengths = np.linalg.norm(q) * np.linalg.norm(g)
    return float(1 - (q @ g) / lengths) if lengths else 1.0


@given(seed=st.integers(0, 999), count=st.integers(1, 12), k=st.integers(0, 14), metric=metrics)
def test_the_nearest_are_those_of_a_full_sort_by_distance_and_position(
    seed: int, count: int, k: int, metric: Metric
) -> None:
    queries, gallery = rows_of(seed, 4), rows_of(seed + 1, count)
    positions, away = nearest(rank(queries, gallery, metric), k)
    for query, found, far in zip(queries, positions, away, strict=True):
        keyed = [(round(slow_distance(query, g, metric), 6), at) for at, g in enumerate(gallery)]
        expected = [at for _, at in sorted(keyed)][:k]
        assert found[: len(expected)].tolist() == expected
        assert (found[len(expected) :] == NOBODY).all()
        assert far[: len(expected)] == pytest.approx([d for d, _ in sorted(keyed)][:k], abs=2e-6)


@given(seed=st.integers(0, 99), metric=metrics)
def test_small_blocks_give_what_one_block_gives(seed: int, metric: Metric) -> None:
    queries, gallery = rows_of(seed, 7), rows_of(seed + 1, 9)
    whole = np.concatenate([block for _, block in rank(queries, gallery, metric).blocks()])
    with patch.object(distances, "BLOCK_BYTES", 80), patch.object(distances, "GALLERY_ROWS", 4):
        parts = list(rank(queries, gallery, metric).blocks())
    assert [start for start, _ in parts] == [0, 2, 4, 6]
    np.testing.assert_array_equal(np.concatenate([block for _, block in parts]), whole)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_pictures_are_equally_far_wherever_they_stand(metric: Metric) -> None:
    random = np.random.default_rng(5)
    queries = random.normal(size=(3, 257)).astype(np.float32)
    gallery = np.repeat(random.normal(size=(1, 257)).astype(np.float32), 1031, axis=0)
    gallery[::100] = queries[0]
    positions, _ = nearest(rank(queries, gallery, metric), len(gallery))
    same, others = list(range(0, 1031, 100)), [at for at in range(1031) if at % 100]
    assert positions[0].tolist() == [*same, *others]
    assert sorted(positions[1, : len(same)].tolist()) in (same, others[: len(same)])
    # Elsewhere either kind may be the nearer one; within a kind the order is that of places.
    for order in positions[1:].tolist():
        assert [at for at in order if at % 100 == 0] == same
        assert [at for at in order if at % 100] == others


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_the_picture_itself_is_exactly_zero_away(metric: Metric) -> None:
    rows = np.random.default_rng(1).normal(3, 1, (5, 300)).astype(np.float32)
    _, away = nearest(rank(rows, rows, metric), 1)
    assert (away == 0).all()


def test_an_absent_picture_is_never_retrieved_and_ones_own_is_passed_over() -> None:
    gallery = np.array([[0], [1], [2]], np.float32)
    ranking = rank(gallery[:2], gallery, present=np.array([True, True, False]))
    assert nearest(ranking, 3)[0].tolist() == [[0, 1, NOBODY], [1, 0, NOBODY]]
    own = np.array([0, NOBODY])
    assert nearest(ranking, 2, own)[0].tolist() == [[1, NOBODY], [1, 0]]


@given(st.lists(st.integers(0, 3), max_size=12), st.integers(-1, 14))
def test_the_first_k_of_a_line_are_those_of_a_stable_sort(values: list[int], k: int) -> None:
    line = np.array(values, np.float32)
    line[line == 3] = np.inf
    expected = [at for at in np.argsort(line, kind="stable") if np.isfinite(line[at])]
    assert first(line, k).tolist() == expected[: max(k, 0)]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_row(bad: float) -> None:
    rows = np.zeros((3, 2), np.float32)
    broken = rows.copy()
    broken[1, 1] = bad
    with pytest.raises(ConfigError, match=r"queries: the features of row 1 are not finite"):
        rank(broken, rows)
    with pytest.raises(ConfigError, match=r"gallery: the features of row 1"):
        rank(rows, broken)


def test_features_of_different_lengths_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot be compared"):
        rank(np.zeros((1, 2), np.float32), np.zeros((1, 3), np.float32))

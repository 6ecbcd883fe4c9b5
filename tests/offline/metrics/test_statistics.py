"""Intervals against textbook values, and counted draws against drawing one after the other."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.metrics.statistics import (
    bootstrap,
    bootstrap_columns,
    evenly,
    resampled,
    wilson_interval,
)


def test_a_bootstrap_interval_holds_its_mean_and_repeats_with_its_seed() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0] * 5
    first = bootstrap(values, seed=3)
    assert first.mean == pytest.approx(0.625)
    assert first.low < first.mean < first.high
    assert first == bootstrap(values, seed=3)


def test_a_bootstrap_interval_comes_near_the_normal_approximation() -> None:
    values = [1.0] * 200 + [0.0] * 200
    interval = bootstrap(values, seed=1)
    half = 1.96 * (0.25 / 400) ** 0.5
    assert interval.low == pytest.approx(0.5 - half, abs=0.01)
    assert interval.high == pytest.approx(0.5 + half, abs=0.01)


def test_columns_are_resampled_alike_and_as_one_large_draw_would() -> None:
    values = np.random.default_rng(8).random((23, 3))
    drawn = np.random.default_rng(5).integers(0, 23, (200, 23))
    low, high = np.quantile(values[drawn].mean(axis=1), [0.05, 0.95], axis=0)
    found = bootstrap_columns(values, seed=5, level=0.9, resamples=200)
    assert [one.low for one in found] == pytest.approx(low.tolist())
    assert [one.high for one in found] == pytest.approx(high.tolist())
    assert [one.mean for one in found] == pytest.approx(values.mean(axis=0).tolist())


def test_clusters_of_one_are_no_clusters() -> None:
    values = np.random.default_rng(3).random(17).tolist()
    assert bootstrap(values, seed=4, clusters=list(range(17))) == bootstrap(values, seed=4)


def test_clusters_are_drawn_whole() -> None:
    """The twin: draw names, gather all their values, average."""
    values, names = [0.0, 1.0, 0.2, 0.9, 0.4], ["b", "a", "b", "c", "c"]
    random, means = np.random.default_rng(6), []
    for _ in range(300):
        chosen = [("b", "a", "c")[at] for at in random.integers(0, 3, 3)]
        drawn = [v for one in chosen for v, name in zip(values, names, strict=True) if name == one]
        means.append(sum(drawn) / len(drawn))
    found = bootstrap(values, seed=6, resamples=300, clusters=names)
    assert found.mean == pytest.approx(0.5)
    assert [found.low, found.high] == pytest.approx(np.quantile(means, [0.025, 0.975]).tolist())


def test_equal_photos_of_a_product_make_an_interval_no_narrower() -> None:
    products = np.random.default_rng(1).random(30) < 0.5
    once = bootstrap(products.astype(float).tolist(), seed=2)
    tenfold = np.repeat(products, 10).astype(float).tolist()
    clusters = np.repeat(np.arange(30), 10).tolist()
    together = bootstrap(tenfold, seed=2, clusters=clusters)
    apart = bootstrap(tenfold, seed=2)
    assert (together.low, together.high) == pytest.approx((once.low, once.high))
    assert apart.high - apart.low < 0.5 * (once.high - once.low)


def test_every_value_needs_its_cluster() -> None:
    with pytest.raises(ValueError, match="2 clusters for 3 values"):
        bootstrap([0.0, 1.0, 0.5], seed=0, clusters=["a", "b"])


def test_equal_values_leave_no_doubt() -> None:
    interval = bootstrap([0.25] * 7, seed=0)
    assert (interval.low, interval.high) == (0.25, 0.25)


def test_an_interval_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        bootstrap([], seed=0)
    with pytest.raises(ValueError, match="level"):
        bootstrap([1.0], seed=0, level=1.0)


def test_wilsons_interval_is_the_textbooks() -> None:
    """Its ends solve |fraction - p| = z sqrt(p (1 - p) / n); none of n gives z² / (n + z²)."""
    low, high_of_none = wilson_interval(0, 10)
    assert low == 0.0 and high_of_none == pytest.approx(3.841459 / 13.841459, abs=1e-6)
    low, high = wilson_interval(7, 20)
    for end in (low, high):
        assert abs(0.35 - end) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / 20))
    assert all(wilson_interval(0, n)[0] == 0.0 for n in range(1, 200))  # not 2.8e-17
    assert all(wilson_interval(n, n)[1] == 1.0 for n in range(1, 200))
    assert wilson_interval(10, 10) == pytest.approx((1 - high_of_none, 1.0))
    for hits, count in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="not a fraction"):
            wilson_interval(hits, count)


@pytest.mark.parametrize(("count", "resamples"), [(1, 5), (7, 200), (700, 150), (70_000, 3)])
def test_resampling_in_blocks_equals_drawing_one_after_the_other(
    count: int, resamples: int
) -> None:
    blocks = list(resampled(count, seed=2, resamples=resamples))
    random = np.random.default_rng(2)
    drawn = [random.integers(0, count, count) for _ in range(resamples)]
    expected = [np.bincount(one, minlength=count) for one in drawn]
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def test_items_of_one_cluster_come_up_together_and_clusters_as_if_alone() -> None:
    (times,) = resampled(5, seed=4, resamples=30, clusters=["a", "b", "a", "c", "b"])
    (alone,) = resampled(3, seed=4, resamples=30)
    np.testing.assert_array_equal(times, alone[:, [0, 1, 0, 2, 1]])


def test_every_item_needs_a_cluster() -> None:
    with pytest.raises(ValueError, match="2 clusters for 3 values"):
        list(resampled(3, seed=0, resamples=1, clusters=["a", "b"]))


@given(st.integers(1, 500), st.integers(1, 40))
def test_places_are_distinct_in_order_and_reach_both_ends(count: int, wanted: int) -> None:
    places = evenly(count, wanted)
    assert len(places) == min(count, wanted) == len(set(places))
    assert places == sorted(places) and places[0] == 0
    assert wanted == 1 or places[-1] == count - 1


def test_of_nothing_or_for_nothing_there_is_no_place() -> None:
    assert evenly(0, 5) == evenly(5, 0) == []

"""Whitening against a slow obvious twin, and on vectors whose answer is known."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.types import Float64Array
from offline.adapt.scatter import Scatter, scatter_of_groups, scatter_of_pairs
from offline.adapt.whitening import Whitening, fit_learned, fit_pca
from offline.train.whitening.pairs import Pairs


def slow_scatter(rows: Float64Array, groups: npt.NDArray[np.int64]) -> Scatter:
    """Every pair, one after the other."""
    size = rows.shape[1]
    sums = {True: np.zeros((size, size)), False: np.zeros((size, size))}
    counts = {True: 0, False: 0}
    for i, j in combinations(range(len(rows)), 2):
        if groups[i] < 0 or groups[j] < 0:
            continue
        same = bool(groups[i] == groups[j])
        difference = rows[i] - rows[j]
        sums[same] += np.outer(difference, difference)
        counts[same] += 1
    return Scatter(
        sums[True] / counts[True], sums[False] / counts[False], counts[True], counts[False]
    )


def blobs(
    seed: int, products: int, views: int, noise: Float64Array, spread: Float64Array
) -> tuple[Float64Array, Float64Array]:
    """Products apart by ``spread`` an axis, their views by ``noise`` an axis; and the groups."""
    random = np.random.default_rng(seed)
    centres = random.normal(size=(products, len(spread))) * spread
    rows = np.repeat(centres, views, axis=0)
    return rows + random.normal(size=rows.shape) * noise, np.repeat(np.arange(products), views)


@given(seed=st.integers(0, 10_000), count=st.integers(4, 14), size=st.integers(1, 6))
@settings(max_examples=40, deadline=None)
def test_the_scatter_of_groups_is_that_of_all_their_pairs(seed: int, count: int, size: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, size)) * 3 + 5
    groups = np.concatenate([[0, 0, 1], random.integers(-1, 3, count - 3)])
    fast, slow = scatter_of_groups(rows, groups), slow_scatter(rows, groups)
    assert (fast.matching_pairs, fast.other_pairs) == (slow.matching_pairs, slow.other_pairs)
    np.testing.assert_allclose(fast.matching, slow.matching, atol=1e-9)
    np.testing.assert_allclose(fast.other, slow.other, atol=1e-9)


def test_listed_pairs_and_groups_that_say_the_same_scatter_the_same() -> None:
    rows, groups = blobs(0, 4, 3, np.ones(5), np.ones(5))
    every = np.array(list(combinations(range(12), 2)))
    same = groups[every[:, 0]] == groups[every[:, 1]]
    listed = scatter_of_pairs(rows, Pairs(every[same], every[~same]))
    grouped = scatter_of_groups(rows, groups)
    np.testing.assert_allclose(listed.matching, grouped.matching)
    np.testing.assert_allclose(listed.other, grouped.other)


def projected(whitening: Whitening, rows: Float64Array) -> Float64Array:
    return np.asarray((rows - whitening.mean) @ whitening.projection)


@given(seed=st.integers(0, 1000), size=st.integers(2, 8))
@settings(max_examples=25, deadline=None)
def test_matching_pairs_differ_by_the_same_in_every_direction(seed: int, size: int) -> None:
    """P^T C_S P = I and P^T C_D P diagonal, falling: what the two covariances become."""
    random = np.random.default_rng(seed)
    noise, spread = random.uniform(0.2, 2, size), random.uniform(0.5, 4, size)
    turn, _ = np.linalg.qr(random.normal(size=(size, size)))
    rows, groups = blobs(seed, 12, 4, noise, spread)
    scatter = scatter_of_groups(rows @ turn, groups)
    fitted = fit_learned(rows @ turn, scatter, shrinkage=0.0)
    p = fitted.projection
    np.testing.assert_allclose(p.T @ scatter.matching @ p, np.eye(size), atol=1e-8)
    np.testing.assert_allclose(p.T @ scatter.other @ p, np.diag(fitted.spread), atol=1e-6)
    assert (np.diff(fitted.spread) <= 1e-9).all()


def test_the_axis_that_tells_products_apart_comes_first() -> None:
    """Axis 2 separates products (5 to 0.1), axis 0 is loud in all, axis 1 only in views."""
    noise, spread = np.array([10.0, 5.0, 0.1, 1.0]), np.array([10.0, 0.1, 5.0, 1.0])
    rows, groups = blobs(3, 400, 3, noise, spread)
    fitted = fit_learned(rows, scatter_of_groups(rows, groups), 1, shrinkage=0.0)
    axis = np.abs(fitted.projection[:, 0]) * rows.std(axis=0)
    assert axis.argmax() == 2 and axis[2] > 20 * np.delete(axis, 2).max()


def test_nearest_neighbours_that_noise_hid_are_found_after_whitening() -> None:
    noise, spread = np.array([8.0, 0.05, 0.05]), np.array([0.1, 1.0, 1.0])
    rows, groups = blobs(5, 60, 4, noise, spread)
    before = _right(rows, groups)
    learned, held_out = groups < 30, groups >= 30
    scatter = scatter_of_groups(rows[learned], groups[learned])
    fitted = fit_learned(rows[learned], scatter, 2, shrinkage=0.0)
    after = _right(projected(fitted, rows[held_out]), groups[held_out])
    assert before < 0.3 and after > 0.9


def _right(rows: Float64Array, groups: Float64Array) -> float:
    distances = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    return float((groups[distances.argmin(axis=1)] == groups).mean())


@given(seed=st.integers(0, 1000), size=st.integers(1, 8))
@settings(max_examples=25, deadline=None)
def test_pca_whitened_vectors_have_unit_covariance(seed: int, size: int) -> None:
    random = np.random.default_rng(seed)
    rows = random.normal(size=(40, size)) @ random.normal(size=(size, size)) + 7
    fitted = fit_pca(rows)
    found = projected(fitted, rows)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-8)
    np.testing.assert_allclose(np.cov(found.T, bias=True), np.eye(found.shape[1]), atol=1e-6)


def test_pca_keeps_the_widest_axes() -> None:
    rows = np.random.default_rng(0).normal(size=(500, 4)) * [1, 9, 3, 0.5]
    fitted = fit_pca(rows, 2)
    assert [int(np.abs(fitted.projection[:, axis]).argmax()) for axis in (0, 1)] == [1, 2]
    np.testing.assert_allclose(np.sqrt(fitted.spread), [9, 3], rtol=0.1)


def test_full_shrinkage_only_turns_the_vectors() -> None:
    """C_S is then a multiple of I: distances keep their ratios."""
    rows, groups = blobs(1, 8, 3, np.array([1.0, 2.0, 3.0]), np.ones(3))
    fitted = fit_learned(rows, scatter_of_groups(rows, groups), shrinkage=1.0)
    found = projected(fitted, rows)
    ratio = np.linalg.norm(found[1:] - found[0], axis=1) / np.linalg.norm(
        rows[1:] - rows[0], axis=1
    )
    np.testing.assert_allclose(ratio, ratio[0])


def test_the_same_vectors_give_the_same_signs() -> None:
    rows, groups = blobs(2, 6, 3, np.ones(4), np.ones(4))
    scatter = scatter_of_groups(rows, groups)
    one, again = fit_learned(rows, scatter), fit_learned(rows, scatter)
    np.testing.assert_array_equal(one.projection, again.projection)


def test_a_dimension_beyond_the_rank_is_refused_with_the_rank() -> None:
    flat = np.random.default_rng(0).normal(size=(30, 3)) @ np.random.default_rng(1).normal(
        size=(3, 8)
    )
    with pytest.raises(ConfigError, match=r"--dimension 4: .* span 3\."):
        fit_pca(flat, 4)
    scatter = scatter_of_groups(flat, np.repeat(np.arange(10), 3))
    with pytest.raises(ConfigError, match=r"--dimension 9: .* span"):
        fit_learned(flat, scatter, 9, shrinkage=0.1)
    with pytest.raises(ConfigError, match=r"vary in 3 directions of 8.*--shrinkage"):
        fit_learned(flat, scatter, 2, shrinkage=0.0)


def test_vectors_that_are_all_the_same_are_refused() -> None:
    with pytest.raises(ConfigError, match="all vectors are the same"):
        fit_pca(np.ones((5, 3)))


def test_products_with_a_single_view_each_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no second view of any.*--method pca"):
        scatter_of_groups(np.eye(4), np.arange(4))


def test_products_with_a_single_view_take_part_beside_others() -> None:
    rows = np.random.default_rng(0).normal(size=(5, 2))
    scatter = scatter_of_groups(rows, np.array([0, 0, 1, 2, -1]))
    assert (scatter.matching_pairs, scatter.other_pairs) == (1, 5)


def test_a_single_product_is_refused() -> None:
    with pytest.raises(ConfigError, match="all images are of one product"):
        scatter_of_groups(np.eye(3), np.zeros(3, np.int64))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_vector_that_is_not_finite_is_named(bad: float) -> None:
    rows = np.ones((6, 2))
    rows[4, 1] = bad
    with pytest.raises(ConfigError, match=r"1 of 6 vectors.*4"):
        scatter_of_groups(rows, np.array([0, 0, 1, 1, 2, 2]))
    with pytest.raises(ConfigError, match="not finite"):
        fit_pca(rows)


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_shrinkage_outside_0_to_1_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="between 0 and 1"):
        fit_pca(np.eye(3), shrinkage=share)

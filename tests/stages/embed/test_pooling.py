"""Poolings against slow obvious twins, their limits, and regions counted by hand."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.types import FloatArray
from stages.embed._pooling import EPSILON, Pooling, gem, pool_tokens, regions, rmac, spoc


def maps(seed: int, shape: tuple[int, int, int, int] = (2, 3, 4, 5)) -> FloatArray:
    random = np.random.default_rng(seed)
    return np.maximum(random.normal(size=shape), 0).astype(np.float32)


def slow_gem(values: FloatArray, p: float) -> list[list[float]]:
    """Equation 3 of Radenović et al., a place at a time."""
    return [
        [
            (math.fsum(max(float(x), EPSILON) ** p for x in one.ravel()) / one.size) ** (1 / p)
            for one in image
        ]
        for image in values
    ]


@given(seed=st.integers(0, 1000), p=st.floats(0.5, 8))
def test_gem_is_its_equation(seed: int, p: float) -> None:
    values = maps(seed)
    np.testing.assert_allclose(gem(values, p), slow_gem(values, p), rtol=2e-4, atol=1e-6)


def test_gem_of_three_numbers_by_hand() -> None:
    """((1 + 8 + 27) / 3)^(1/3) = 12^(1/3)"""
    values = np.array([1, 2, 3], np.float32).reshape(1, 1, 1, 3)
    np.testing.assert_allclose(gem(values, 3.0), [[12 ** (1 / 3)]], rtol=1e-6)
    np.testing.assert_allclose(gem(values, 2.0), [[math.sqrt(14 / 3)]], rtol=1e-6)


@given(seed=st.integers(0, 1000))
def test_gem_of_power_1_is_the_mean(seed: int) -> None:
    values = maps(seed) + np.float32(EPSILON)
    np.testing.assert_allclose(gem(values, 1.0), Pooling("gap")(values), rtol=1e-5)


@given(seed=st.integers(0, 1000))
def test_gem_nears_the_maximum_as_its_power_grows(seed: int) -> None:
    values = maps(seed) + np.float32(0.01)
    top = Pooling("mac")(values)
    np.testing.assert_array_equal(gem(values, float("inf")), top)
    gaps = [float(np.abs(gem(values, p) - top).max()) for p in (1.0, 4.0, 30.0, 300.0, 3000.0)]
    assert all(later <= earlier for earlier, later in pairwise(gaps))
    assert gaps[-1] < 2e-3 * float(top.max())


def test_gem_overflows_at_no_power_and_no_size() -> None:
    values = np.full((1, 1, 2, 2), 1e30, np.float32)
    np.testing.assert_allclose(gem(values, 100.0), [[1e30]], rtol=1e-5)
    assert np.isfinite(gem(np.zeros((1, 1, 2, 2), np.float32), 100.0)).all()


def test_gem_takes_a_power_a_channel() -> None:
    values = maps(4)
    powers = (1.0, 3.0, 7.5)
    together = gem(values, powers)
    for channel, p in enumerate(powers):
        np.testing.assert_allclose(
            together[:, channel], gem(values[:, channel : channel + 1], p)[:, 0], rtol=1e-6
        )


def test_gap_and_mac_by_hand() -> None:
    values = np.array([[[[0, 2], [4, 2]], [[1, 1], [1, 9]]]], np.float32)
    np.testing.assert_array_equal(Pooling("gap")(values), [[2, 3]])
    np.testing.assert_array_equal(Pooling("mac")(values), [[4, 9]])


def test_spoc_weighs_the_middle_most_and_both_sides_alike() -> None:
    """5 x 5 places, sigma = 2.5 / 3: a corner counts exp(-8 / (2 sigma^2)) of the middle."""
    weights = [spoc(np.eye(25, dtype=np.float32)[at].reshape(1, 1, 5, 5))[0, 0] for at in range(25)]
    grid = np.array(weights).reshape(5, 5)
    sigma = 2.5 / 3
    assert grid[2, 2] == pytest.approx(1.0)
    assert grid[0, 0] == pytest.approx(math.exp(-8 / (2 * sigma**2)))
    assert grid[2, 4] == pytest.approx(math.exp(-4 / (2 * sigma**2)))
    np.testing.assert_allclose(grid, grid[::-1, ::-1])


def test_regions_of_a_square_map_are_1_4_and_9() -> None:
    """7 x 7, three levels: sides 7, 4 and 3 (Tolias et al.: 2 min(W, H) / (l + 1))."""
    found = regions(7, 7, 3)
    assert [side for _, _, side in found] == [7] + [4] * 4 + [3] * 9
    assert [(top, left) for top, left, side in found if side == 4] == [
        (0, 0),
        (0, 3),
        (3, 0),
        (3, 3),
    ]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 5))
def test_regions_lie_inside_and_reach_every_border(height: int, width: int, levels: int) -> None:
    found = regions(height, width, levels)
    assert found
    for top, left, side in found:
        assert 0 <= top <= height - side and 0 <= left <= width - side and side >= 1
    coarse = [one for one in found if one[2] == found[0][2]]
    if max(height, width) <= 4 * min(height, width):  # longer ones want more than 7 regions
        covered = np.zeros((height, width), bool)
        for top, left, side in coarse:
            covered[top : top + side, left : left + side] = True
        assert covered.all()


def test_a_longer_side_has_more_regions_of_its_own() -> None:
    """12 x 7 at level 1: squares of 7, two of them overlap by (7 - 5) / 7, near 40 %."""
    assert regions(12, 7, 1) == ((0, 0, 7), (5, 0, 7))
    assert regions(7, 12, 1) == ((0, 0, 7), (0, 5, 7))


def slow_rmac(values: FloatArray, levels: int) -> FloatArray:
    """A region at a time, the whole map first."""
    rows = []
    for image in values:
        height, width = image.shape[1:]
        parts = [image]
        parts += [
            image[:, top : top + side, left : left + side]
            for top, left, side in regions(height, width, levels)
        ]
        tops = [np.array([channel.max() for channel in part]) for part in parts]
        rows.append(sum(top / max(np.linalg.norm(top), 1e-6) for top in tops))
    return np.array(rows, np.float32)


@given(seed=st.integers(0, 500), levels=st.integers(1, 3))
def test_rmac_is_the_sum_of_normalised_maxima(seed: int, levels: int) -> None:
    values = maps(seed, (2, 3, 6, 9))
    np.testing.assert_allclose(rmac(values, levels), slow_rmac(values, levels), rtol=1e-5)


@pytest.mark.parametrize("name", ["gap", "mac", "spoc", "rmac", "gem"])
@given(seed=st.integers(0, 200), scale=st.floats(0.1, 50))
def test_a_brighter_map_changes_no_direction(name: str, seed: int, scale: float) -> None:
    values = maps(seed) + np.float32(0.01)
    one = Pooling(name)(values)  # type: ignore[arg-type]
    other = Pooling(name)(values * np.float32(scale))  # type: ignore[arg-type]
    cosine = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    np.testing.assert_allclose(cosine, 1, atol=1e-4)


@pytest.mark.parametrize("name", ["gap", "mac", "spoc", "rmac", "gem"])
def test_a_map_of_zeros_and_one_of_a_single_place_are_pooled(name: str) -> None:
    for shape in ((1, 3, 1, 1), (2, 3, 7, 7)):
        rows = Pooling(name)(np.zeros(shape, np.float32))  # type: ignore[arg-type]
        assert rows.shape == shape[:2] and rows.dtype == np.float32
        assert np.isfinite(rows).all()


def test_tokens_are_pooled_without_those_that_stand_for_no_place() -> None:
    tokens = np.random.default_rng(0).random((2, 1 + 4 + 9, 6), np.float32)
    gap = pool_tokens(tokens, Pooling("gap"), prefix=5)
    np.testing.assert_allclose(gap, tokens[:, 5:].mean(axis=1), rtol=1e-6)
    np.testing.assert_array_equal(pool_tokens(tokens, Pooling("cls"), prefix=5), tokens[:, 0])
    grid = tokens[:, 5:].transpose(0, 2, 1).reshape(2, 6, 3, 3)
    np.testing.assert_allclose(
        pool_tokens(tokens, Pooling("rmac"), prefix=5), rmac(np.ascontiguousarray(grid), 3)
    )


def test_the_class_token_is_asked_of_tokens_that_have_one() -> None:
    tokens = np.ones((1, 4, 2), np.float32)
    with pytest.raises(ValueError, match="no class token"):
        pool_tokens(tokens, Pooling("cls"), prefix=0)
    with pytest.raises(ValueError, match="4 tokens, 4 of them"):
        pool_tokens(tokens, Pooling("gap"), prefix=4)
    with pytest.raises(ValueError, match="cls pools tokens"):
        Pooling("cls")(np.ones((1, 2, 3, 3), np.float32))

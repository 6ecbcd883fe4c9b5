"""Mask metrics against slow twins, by hand, and by what must always hold."""

from __future__ import annotations

import itertools
import math
from dataclasses import astuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.types import BoolArray, FloatArray
from offline.metrics import masks as metrics

LEVELS = st.sampled_from([0.0, 0.1, 0.49, 0.5, 0.75, 1.0])
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """Two mattes of one shape."""
    shape = draw(SHAPES)
    one, other = (draw(arrays.arrays(np.float32, shape, elements=LEVELS)) for _ in range(2))
    return one, other


def square(side: int, x1: int, y1: int, x2: int, y2: int) -> FloatArray:
    matte = np.zeros((side, side), np.float32)
    matte[y1:y2, x1:x2] = 1.0
    return matte


def slow_boundary(mask: BoolArray) -> set[tuple[int, int]]:
    height, width = mask.shape
    found = set()
    for y, x in itertools.product(range(height), range(width)):
        near = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
        inside = [(min(v, height - 1), min(u, width - 1)) for v, u in near]
        if any(mask[place] != mask[y, x] for place in inside):
            found.add((y, x))
    return found


def slow_boundary_f(one: BoolArray, other: BoolArray, tolerance: float) -> float:
    predicted, true = slow_boundary(one), slow_boundary(other)
    if not predicted or not true:
        return float(not predicted and not true)

    def matched(these: set[tuple[int, int]], those: set[tuple[int, int]]) -> float:
        return np.mean([min(math.dist(a, b) for b in those) <= tolerance for a in these])

    precision, recall = matched(predicted, true), matched(true, predicted)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def slow_gradient_length(alpha: FloatArray) -> FloatArray:
    """Every pixel by its own sum over a 9 x 9 neighbourhood, as the paper writes it."""
    sigma, reach = 1.4, 4
    place = np.arange(-reach, reach + 1)
    bell = np.exp(-(place**2) / (2 * sigma**2)) / (sigma * math.sqrt(2 * math.pi))
    slope = -place * bell / sigma**2
    kernel = np.outer(bell, slope)
    kernel /= math.sqrt((kernel**2).sum())
    padded = np.pad(alpha.astype(np.float64), reach, mode="edge")
    length = np.empty(alpha.shape)
    for y, x in np.ndindex(alpha.shape):
        window = padded[y : y + 2 * reach + 1, x : x + 2 * reach + 1]
        length[y, x] = math.hypot((window * kernel).sum(), (window * kernel.T).sum())
    return length


@given(pairs())
@settings(max_examples=60, deadline=None)
def test_every_metric_agrees_with_its_slow_twin(pair: tuple[FloatArray, FloatArray]) -> None:
    one, other = pair
    found = metrics.mask_scores(one, other)
    a, b = one >= 0.5, other >= 0.5
    union = sum(p or q for p, q in zip(a.flat, b.flat, strict=True))
    shared = sum(p and q for p, q in zip(a.flat, b.flat, strict=True))
    differences = [abs(float(p) - float(q)) for p, q in zip(one.flat, other.flat, strict=True)]
    gradient = (slow_gradient_length(one) - slow_gradient_length(other)) ** 2
    assert found.iou == pytest.approx(shared / union if union else 1.0)
    assert found.mae == pytest.approx(sum(differences) / one.size, abs=1e-6)
    assert found.sad == pytest.approx(sum(differences) / 1000, abs=1e-6)
    assert found.mse == pytest.approx(sum(d * d for d in differences) / one.size, abs=1e-6)
    assert found.boundary_f == pytest.approx(slow_boundary_f(a, b, 2))
    assert found.gradient == pytest.approx(gradient.sum() / 1000, abs=1e-5)


@given(pairs())
@settings(deadline=None)
def test_the_metrics_do_not_care_which_matte_is_the_true_one(
    pair: tuple[FloatArray, FloatArray],
) -> None:
    there, back = metrics.mask_scores(*pair), metrics.mask_scores(*pair[::-1])
    np.testing.assert_allclose(astuple(there), astuple(back), atol=1e-9)


@given(arrays.arrays(np.float32, SHAPES, elements=LEVELS))
@settings(deadline=None)
def test_a_matte_is_perfect_against_itself(alpha: FloatArray) -> None:
    assert metrics.mask_scores(alpha, alpha.copy()) == metrics.MaskScores(1, 0, 1, 0, 0, 0)


@given(pairs(), st.integers(0, 2**32))
@settings(deadline=None)
def test_a_region_and_the_rest_of_the_image_add_up(
    pair: tuple[FloatArray, FloatArray], seed: int
) -> None:
    region = np.random.default_rng(seed).random(pair[0].shape) < 0.5
    for measure in (metrics.sad, metrics.gradient_error):
        parts = measure(*pair, region) + measure(*pair, ~region)
        assert parts == pytest.approx(measure(*pair), abs=1e-6)


def test_two_squares_side_by_side_by_hand() -> None:
    one, other = square(20, 4, 4, 12, 12), square(20, 8, 4, 16, 12)
    assert metrics.iou(one, other) == 32 / 96
    assert metrics.mae(one, other) == metrics.mse(one, other) == 64 / 400
    assert metrics.sad(one, other) == pytest.approx(0.064)
    half = np.zeros((20, 20), np.bool_)
    half[:, :8] = True
    assert metrics.mae(one, other, half) == 32 / 160


def test_a_boundary_two_pixels_off_is_correct_and_three_off_is_not() -> None:
    """The upper edges lie 2 or 3 rows apart; a strip that spans the frame has no sides."""
    strip = np.zeros((40, 30), np.float32)
    strip[10:] = 1.0
    for shift, expected in ((2, 1.0), (3, 0.0)):
        assert metrics.boundary_f(np.roll(strip, shift, 0) * (strip > 0), strip) == expected


def test_precision_and_recall_of_a_boundary_by_hand() -> None:
    """Two far strips predicted where one is true: precision one half, recall 1."""
    true = np.zeros((40, 10), np.float32)
    true[10:15] = 1.0
    predicted = true.copy()
    predicted[25:30] = 1.0
    assert metrics.boundary_f(predicted, true) == pytest.approx(2 / 3)


def test_the_boundary_of_a_square_is_one_pixel_wide_and_none_lies_along_the_frame() -> None:
    edge = metrics.boundary(square(10, 3, 3, 7, 7) >= 0.5)
    assert np.count_nonzero(edge) == 16  # four sides of 5 pixels less the shared corners
    assert not metrics.boundary(np.ones((5, 5), np.bool_)).any()


@pytest.mark.parametrize(
    ("one", "other", "iou", "boundary"),
    [(0, 0, 1, 1), (1, 1, 1, 1), (0, 1, 0, 1), (1, 0, 0, 1)],
)
def test_empty_and_full_images(one: int, other: int, iou: int, boundary: int) -> None:
    mattes = [np.full((6, 7), level, np.float32) for level in (one, other)]
    assert metrics.iou(*mattes) == iou
    assert metrics.boundary_f(*mattes) == boundary


@pytest.mark.parametrize("swapped", [False, True])
def test_nothing_found_where_something_is_scores_nothing(swapped: bool) -> None:
    mattes = [square(10, 2, 2, 6, 6), np.zeros((10, 10), np.float32)]
    if swapped:
        mattes.reverse()
    assert metrics.iou(*mattes) == metrics.boundary_f(*mattes) == 0.0


def test_a_step_has_the_gradient_of_the_filters_own_step_response() -> None:
    """At a unit step the derivative filter sums its one half: known in closed form."""
    step = np.zeros((30, 30), np.float32)
    step[:, 15:] = 1.0
    flat = np.zeros_like(step)
    place = np.arange(-4, 5)
    bell = np.exp(-(place**2) / (2 * 1.4**2))
    slope = place * bell
    gain = bell.sum() / np.linalg.norm(bell) / np.linalg.norm(slope)
    tails = [slope[first:].sum() for first in range(1, 9)]
    row = sum((gain * tail) ** 2 for tail in tails)
    assert metrics.gradient_error(step, flat) == pytest.approx(30 * row / 1000, rel=1e-4)


def test_the_unknown_band_surrounds_mixed_pixels_and_hard_edges() -> None:
    alpha = square(30, 10, 10, 20, 20)
    band = metrics.unknown_band(alpha, 2)
    assert band[14, 10] and band[14, 8] and not band[14, 14] and not band[0, 0]
    alpha[2, 27] = 0.5
    assert metrics.unknown_band(alpha, 2)[2, 29]
    assert not metrics.unknown_band(np.ones((5, 5), np.float32), 3).any()


def test_an_empty_region_has_no_errors() -> None:
    one, other = square(8, 0, 0, 4, 4), square(8, 4, 4, 8, 8)
    nowhere = np.zeros((8, 8), np.bool_)
    found = metrics.mask_scores(one, other, nowhere)
    assert (found.mae, found.sad, found.mse, found.gradient) == (0, 0, 0, 0)
    assert found.iou == 0.0  # of the whole image


def test_the_mean_is_taken_metric_by_metric() -> None:
    first, second = metrics.MaskScores(1, 2, 3, 4, 5, 6), metrics.MaskScores(3, 2, 1, 0, 5, 8)
    assert metrics.mean_scores([first, second]) == metrics.MaskScores(2, 2, 2, 2, 5, 7)
    with pytest.raises(ValueError, match="at least one"):
        metrics.mean_scores([])


def test_mattes_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape"):
        metrics.mask_scores(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    with pytest.raises(ValueError, match=r"one shape"):
        metrics.sad(*[np.zeros((2, 2), np.float32)] * 2, np.ones((1, 2), np.bool_))

"""F-beta over all cuts against masks counted pixel by pixel, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.types import FloatArray
from offline.metrics.masks import CutCurve, cut_curve, max_f_beta, mean_curve, set_max_f_beta

LEVELS = st.integers(0, 255).map(lambda level: np.float32(level / 255))
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    """A predicted and a true matte of one shape."""
    shape = draw(SHAPES)
    one, other = (draw(arrays.arrays(np.float32, shape, elements=LEVELS)) for _ in range(2))
    return one, other


def curve_of(predicted: list[float], true: list[float]) -> CutCurve:
    curve = cut_curve(*(np.array([row], np.float32) for row in (predicted, true)))
    assert curve is not None
    return curve


def slow_f(predicted: FloatArray, true: FloatArray, cut: int) -> float:
    """Every pixel in turn."""
    both = given_ = right = 0
    for alpha, truth in zip(predicted.flat, true.flat, strict=True):
        said, is_product = round(float(alpha) * 255) >= cut, truth >= 0.5
        both, given_, right = both + (said and is_product), given_ + said, right + is_product
    if not both:
        return 0.0
    precision, recall = both / given_, both / right
    return 1.3 * precision * recall / (0.3 * precision + recall)


@given(pairs())
@settings(max_examples=25, deadline=None)
def test_every_cut_agrees_with_counting_pixels(pair: tuple[FloatArray, FloatArray]) -> None:
    curve = cut_curve(*pair)
    if curve is None:
        assert not (pair[1] >= 0.5).any()
        return
    expected = [slow_f(*pair, cut) for cut in range(256)]
    np.testing.assert_allclose(curve.f_beta, expected, atol=1e-12)
    assert max_f_beta(curve) == pytest.approx(max(expected))


def test_the_best_cut_of_four_pixels_by_hand() -> None:
    curve = curve_of([1, 0.5, 0.5, 0], [1, 1, 0, 0])
    # All four: P 1/2, R 1. The three of at least 128/255: P 2/3, R 1. The first alone: P 1, R 1/2.
    levels = [curve.f_beta[cut] for cut in (0, 1, 128, 129, 255)]
    expected = [1.3 * 0.5 / 1.15, 1.3 * 2 / 3 / 1.2, 1.3 * 2 / 3 / 1.2, 0.8125, 0.8125]
    assert levels == pytest.approx(expected)
    assert max_f_beta(curve) == pytest.approx(0.8125)


def test_a_perfect_matte_scores_one_and_an_empty_one_what_everything_would() -> None:
    assert max_f_beta(curve_of([1, 0, 1], [1, 0, 1])) == 1.0
    # At cut 0 every pixel counts as predicted, as in the benchmarks.
    assert max_f_beta(curve_of([0, 0, 0, 0], [1, 0, 0, 0])) == pytest.approx(1.3 * 0.25 / 1.075)


def test_a_true_mask_without_a_pixel_has_no_recall() -> None:
    assert cut_curve(np.ones((2, 2), np.float32), np.full((2, 2), 0.49, np.float32)) is None


def test_one_cut_for_all_pays_where_images_want_different_cuts() -> None:
    """One image is correct from 0.2 on, the other only from 0.8 on."""
    dim, bright = curve_of([0.2, 0.1], [1, 0]), curve_of([0.9, 0.8], [1, 0])
    assert max_f_beta(dim) == max_f_beta(bright) == 1.0
    together = max_f_beta(mean_curve([dim, bright]))
    # From 0.2 on: P (1 + 1/2) / 2, R 1; above 0.8: P and R of the second alone, 1/2.
    assert together == pytest.approx(1.3 * 0.75 / (0.3 * 0.75 + 1))


@given(st.integers(0, 10**6), st.integers(1, 6))
@settings(max_examples=20, deadline=None)
def test_the_interval_of_a_set_equals_drawing_the_images_one_by_one(seed: int, count: int) -> None:
    random = np.random.default_rng(seed)
    curves = []
    for _ in range(count):
        predicted, true = (random.random((3, 4)).astype(np.float32) for _ in range(2))
        true[0, 0] = 1.0
        curve = cut_curve(predicted, true)
        assert curve is not None
        curves.append(curve)
    found = set_max_f_beta(curves, seed=5, resamples=40)
    drawing = np.random.default_rng(5)
    drawn = [
        max_f_beta(mean_curve([curves[at] for at in drawing.integers(0, count, count)]))
        for _ in range(40)
    ]
    assert found.mean == max_f_beta(mean_curve(curves))
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))


def test_a_set_of_nothing_and_mattes_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        set_max_f_beta([], seed=0)
    with pytest.raises(ValueError, match="two shapes"):
        cut_curve(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))


@pytest.mark.parametrize("level", [np.nan, -0.1, 1.1])
def test_a_matte_outside_its_range_is_refused(level: float) -> None:
    matte = np.array([[level, 1.0]], np.float32)
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        cut_curve(matte, np.ones((1, 2), np.float32))

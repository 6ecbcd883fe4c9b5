"""The S-measure against the paper's formulas written out pixel by pixel, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from engine.types import FloatArray
from offline.metrics.masks import s_measure

LEVELS = st.sampled_from([0.0, 0.1, 0.49, 0.5, 0.75, 1.0])
SHAPES = arrays.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[FloatArray, FloatArray]:
    shape = draw(SHAPES)
    one, other = (draw(arrays.arrays(np.float32, shape, elements=LEVELS)) for _ in range(2))
    return one, other


def spread_of(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    total = math.fsum((value - mean) ** 2 for value in values)
    return total / (len(values) - 1) if len(values) > 1 else 0.0


def slow_object(values: list[float]) -> float:
    mean = math.fsum(values) / len(values)
    return 2 * mean / (mean**2 + 1 + 2 * 0.5 * math.sqrt(spread_of(values)))


def slow_similarity(pairs: list[tuple[float, float]]) -> float:
    alphas, truths = ([pair[side] for pair in pairs] for side in (0, 1))
    x, y = math.fsum(alphas) / len(pairs), math.fsum(truths) / len(pairs)
    joint = math.fsum((a - x) * (t - y) for a, t in pairs) / max(len(pairs) - 1, 1)
    # Luminance, contrast and structure, multiplied out: their standard deviations cancel.
    above = 2 * x * y * 2 * joint
    below = (x * x + y * y) * (spread_of(alphas) + spread_of(truths))
    if abs(above) < 1e-15:
        return 1.0 if below < 1e-15 else 0.0
    return above / below


def slow_s_measure(predicted: FloatArray, true: FloatArray) -> float:
    """As sections 3.1 and 3.2 of the paper define it."""
    cells = {
        (y, x): (float(predicted[y, x]), float(true[y, x] >= 0.5))
        for y, x in np.ndindex(true.shape)
    }
    inside = [alpha for alpha, truth in cells.values() if truth]
    outside = [1 - alpha for alpha, truth in cells.values() if not truth]
    if not inside:
        return math.fsum(outside) / len(outside)
    if not outside:
        return math.fsum(inside) / len(inside)
    share = len(inside) / len(cells)
    objects = share * slow_object(inside) + (1 - share) * slow_object(outside)
    places = [place for place, (_, truth) in cells.items() if truth]
    down, across = (
        math.floor(sum(place[axis] for place in places) / len(places) + 0.5) for axis in (0, 1)
    )
    quarters: dict[tuple[bool, bool], list[tuple[float, float]]] = {}
    for (y, x), cell in cells.items():
        quarters.setdefault((y > down, x > across), []).append(cell)
    regions = sum(len(q) / len(cells) * slow_similarity(q) for q in quarters.values())
    return max(0.0, 0.5 * objects + 0.5 * regions)


@given(pairs())
@settings(max_examples=300, deadline=None)
def test_it_agrees_with_the_formulas_pixel_by_pixel(pair: tuple[FloatArray, FloatArray]) -> None:
    found = s_measure(*pair)
    assert found == pytest.approx(slow_s_measure(*pair), abs=1e-9)
    assert 0.0 <= found <= 1.0


@given(arrays.arrays(np.bool_, SHAPES))
@settings(deadline=None)
def test_a_true_mask_is_perfect_against_itself(mask: np.ndarray) -> None:
    alpha = mask.astype(np.float32)
    assert s_measure(alpha, alpha.copy()) == pytest.approx(1.0)


@pytest.mark.parametrize(("level", "empty", "full"), [(0.0, 1, 0), (0.25, 0.75, 0.25), (1, 0, 1)])
def test_where_there_is_no_product_or_nothing_else_the_mean_decides(
    level: float, empty: float, full: float
) -> None:
    matte = np.full((4, 5), level, np.float32)
    assert s_measure(matte, np.zeros((4, 5), np.float32)) == empty
    assert s_measure(matte, np.ones((4, 5), np.float32)) == full


def test_an_even_grey_by_hand() -> None:
    """Objects 2 * 0.5 / (0.25 + 1) = 0.8 each; all four regions are even on both sides."""
    true = np.zeros((4, 4), np.float32)
    true[:, :2] = 1.0
    assert s_measure(np.full((4, 4), 0.5, np.float32), true) == pytest.approx((0.8 + 1) / 2)


def test_a_square_with_a_missing_corner_by_hand() -> None:
    true = np.zeros((4, 4), np.float32)
    true[:2, :2] = 1.0
    predicted = true.copy()
    predicted[1, 1] = 0.0
    # Of 1, 1, 1, 0: mean 3/4, deviation 1/2. The background is perfect.
    objects = 0.25 * 1.5 / (0.75**2 + 1 + 0.5) + 0.75
    # The first region is uneven on one side only; the three others are black.
    assert s_measure(predicted, true) == pytest.approx((objects + 0.75) / 2)


def test_a_product_in_the_last_corner_leaves_regions_without_a_pixel() -> None:
    true = np.zeros((3, 3), np.float32)
    true[2, 2] = 1.0
    assert s_measure(true, true) == pytest.approx(1.0)
    assert 0 <= s_measure(1 - true, true) < 0.2


def test_mattes_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="one shape"):
        s_measure(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))


def test_a_matte_that_is_not_a_number_is_refused() -> None:
    matte = np.array([[np.nan, 1.0]], np.float32)
    with pytest.raises(ValueError, match="finite"):
        s_measure(matte, np.ones((1, 2), np.float32))

"""Shapes of large mattes are taken from a reduced mask and must stay what they were."""

from __future__ import annotations

from unittest.mock import patch

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import contours
from engine.contours import aligned_contour, frame_contour, product_box
from engine.types import Contour, Matte


def _ellipse(side: int, centre: tuple[float, float], axes: tuple[float, float]) -> Matte:
    """Of a frame of 3:4; centre and axes as fractions of the side."""
    alpha = np.zeros((side, side * 3 // 4), np.float32)
    point = (round(centre[0] * side), round(centre[1] * side))
    half = (max(1, round(axes[0] * side)), max(1, round(axes[1] * side)))
    cv2.ellipse(alpha, point, half, 0, 0, 360, 1.0, -1)
    return Matte(alpha)


def _within_a_cell(one: Contour, other: Contour) -> bool:
    grown = cv2.dilate(other.mask().view(np.uint8), np.ones((3, 3), np.uint8)).astype(bool)
    return not (one.mask() & ~grown).any()


@given(
    x=st.floats(0.25, 0.5), y=st.floats(0.3, 0.7), a=st.floats(0.05, 0.2), b=st.floats(0.05, 0.25)
)
def test_the_reduction_moves_a_contour_by_a_cell_at_most(
    x: float, y: float, a: float, b: float
) -> None:
    matte = _ellipse(2048, (x, y), (a, b))
    quick = frame_contour(matte), aligned_contour(matte)
    with patch.object(contours, "_WORKING_SIDE", 10_000):  # the slow twin: every pixel counts
        exact = frame_contour(matte), aligned_contour(matte)
    for one, other in zip(quick, exact, strict=True):
        assert _within_a_cell(one, other) and _within_a_cell(other, one)


@given(x=st.floats(0.25, 0.5), y=st.floats(0.3, 0.7))
def test_the_box_of_a_large_matte_holds_the_product_closely(x: float, y: float) -> None:
    matte = _ellipse(2048, (x, y), (0.1, 0.2))
    rows, columns = (np.flatnonzero(matte.alpha.any(axis)) for axis in (1, 0))
    x1, y1, x2, y2 = product_box(matte) or pytest.fail("no box")
    cell = 2048 / 512
    assert abs(x1 - columns[0]) <= cell and abs(x2 - columns[-1] - 1) <= cell
    assert abs(y1 - rows[0]) <= cell and abs(y2 - rows[-1] - 1) <= cell
    assert x2 <= matte.alpha.shape[1] and y2 <= matte.alpha.shape[0]

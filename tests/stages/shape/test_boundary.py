"""Boundaries: closed, evenly spaced, clockwise, also of the thinnest contour."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.types import Contour
from stages.shape.boundary import boundary_points, resampled, smoothed, solid
from tests.stages.shape.drawn_contours import (
    DEGENERATE,
    EMPTY,
    LINE,
    RING,
    blobs,
    disc,
    rectangle,
    star_shaped,
)


def shoelace(points: np.ndarray) -> float:
    x, y = points.T
    return 0.5 * float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum())


def test_an_empty_contour_has_no_boundary() -> None:
    assert boundary_points(EMPTY).shape == (0, 2)


def test_two_points_are_refused() -> None:
    with pytest.raises(ValueError, match="encloses nothing"):
        boundary_points(RING, 2)


def test_a_square_is_walked_clockwise_at_equal_steps() -> None:
    points = boundary_points(rectangle(20, 20, 100, 100), 80)
    steps = np.hypot(*(np.roll(points, -1, axis=0) - points).T)
    assert steps == pytest.approx(np.full(80, 4.0), abs=0.5)  # corners are cut
    assert shoelace(points) == pytest.approx(80 * 80, rel=0.02)  # y down: clockwise is positive


@given(blobs)
def test_the_boundary_encloses_the_area(radii: list[float]) -> None:
    contour = star_shaped(radii)
    filled = solid(contour.mask()).sum()
    assert shoelace(boundary_points(contour, 512)) == pytest.approx(float(filled), rel=0.05, abs=30)


@pytest.mark.parametrize("contour", DEGENERATE)
def test_every_contour_that_is_not_empty_has_a_boundary(contour: Contour) -> None:
    points = boundary_points(contour)
    assert points.shape == (128, 2)
    assert np.isfinite(points).all()


def test_a_line_one_cell_wide_is_walked_there_and_back() -> None:
    points = boundary_points(LINE, 200)
    assert np.ptp(points[:, 1]) == pytest.approx(99.5, abs=0.6)
    assert np.ptp(points[:, 0]) == pytest.approx(0.5)


def test_the_largest_piece_counts_alone() -> None:
    mask = rectangle(40, 40, 100, 100).mask().copy()
    mask[2:6, 2:6] = True
    points = boundary_points(Contour.from_mask(mask))
    assert points.min() > 39


def test_holes_have_no_part_in_a_boundary_and_are_filled_in_the_solid() -> None:
    assert np.allclose(boundary_points(RING), boundary_points(disc(50)))
    assert np.array_equal(solid(RING.mask()), disc(50).mask())


def test_the_solid_of_nothing_is_nothing() -> None:
    assert not solid(EMPTY.mask()).any()


@given(st.integers(3, 40), st.integers(3, 200))
def test_resampling_starts_at_the_first_corner(corners: int, points: int) -> None:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    polygon = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    line = resampled(polygon, points)
    assert len(line) == points
    assert line[0] == pytest.approx(polygon[0])


def test_smoothing_agrees_with_a_convolution_in_space() -> None:
    random = np.random.default_rng(3)
    points = random.normal(size=(64, 2))
    offsets = np.arange(-32, 32)
    weights = np.exp(-0.5 * (offsets / 2.0) ** 2)
    weights /= weights.sum()
    slow = np.stack(
        [(np.roll(points, -o, axis=0) * w) for o, w in zip(offsets, weights, strict=True)]
    )
    assert smoothed(points, 2.0) == pytest.approx(slow.sum(axis=0), abs=1e-6)

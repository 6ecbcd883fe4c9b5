"""The strong shape descriptor: invariances, order, degenerate contours, and its slow twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import Contour, FloatArray
from stages.shape.descriptor import (
    CLOSED,
    HOLES,
    LENGTH,
    WHOLE,
    describe_shapes,
    shape_distances,
    shape_similarities,
)
from tests.stages.shape.drawn_contours import (
    DEGENERATE,
    EMPTY,
    RING,
    blobs,
    disc,
    drawn,
    moved,
    rectangle,
    star_shaped,
)


def distance(one: Contour, other: Contour) -> float:
    rows = describe_shapes([one, other])
    return float(shape_distances(rows[0], rows[1:])[0])


@given(blobs, st.integers(0, 3), st.booleans())
@settings(max_examples=40)
def test_quarter_turns_and_mirror_images_are_the_same_shape(
    radii: list[float], quarters: int, mirrored: bool
) -> None:
    contour = star_shaped(radii)
    assert distance(contour, moved(contour, quarters, mirrored=mirrored)) < 0.12


@given(st.lists(st.floats(30, 50), min_size=5, max_size=8), st.floats(0.6, 1.2), st.integers(-2, 2))
@settings(max_examples=40)
def test_size_and_place_hardly_count(radii: list[float], size: float, shift: int) -> None:
    assert distance(star_shaped(radii), star_shaped(radii, size, (shift, -shift))) < 0.25


@pytest.mark.parametrize("degrees", [10, 33, 45, 77, 200])
def test_any_turn_is_the_same_shape(degrees: float) -> None:
    angles = np.linspace(0, 2 * np.pi, 10, endpoint=False)
    radii = np.array([55, 20, 50, 30, 40, 20, 50, 25, 30, 45])

    def turned(by: float) -> Contour:
        x, y = 64 + radii * np.cos(angles + by), 64 + radii * np.sin(angles + by)
        return drawn(list(zip(x.tolist(), y.tolist(), strict=True)))

    assert distance(turned(0), turned(np.radians(degrees))) < 0.12


def test_different_bodies_are_farther_apart_than_one_turned() -> None:
    square, flat, star = rectangle(14, 14, 114, 114), rectangle(14, 50, 114, 78), [55, 20] * 5
    assert distance(flat, moved(flat, 1, mirrored=False)) < 0.05
    assert distance(square, flat) > 0.3
    assert distance(square, star_shaped([float(r) for r in star])) > 0.5


def test_a_hole_makes_a_difference_that_the_boundary_does_not() -> None:
    rows = describe_shapes([disc(50), RING])
    assert np.array_equal(rows[0, WHOLE], rows[1, WHOLE])
    assert rows[1, HOLES] == pytest.approx((40 / 50) ** 2, abs=0.03)
    assert shape_distances(rows[0], rows[1:])[0] == pytest.approx(0.3 * 2.8, rel=0.01)


def test_a_closed_inlet_leaves_the_second_boundary_as_it_is() -> None:
    whole = rectangle(14, 14, 114, 114)
    mask = whole.mask().copy()
    mask[14:90, 60:68] = False
    rows = describe_shapes([whole, Contour.from_mask(mask)])
    apart = [np.linalg.norm(rows[0, part] - rows[1, part]) for part in (WHOLE, CLOSED)]
    assert apart[1] < 0.2 * apart[0]


def test_an_empty_contour_matches_nothing() -> None:
    rows = describe_shapes([EMPTY, RING, EMPTY])
    assert np.isinf(shape_distances(rows[0], rows)).all()
    assert shape_similarities(rows[0], rows).tolist() == [0, 0, 0]
    assert np.isinf(shape_distances(rows[1], rows)).tolist() == [True, False, True]


@pytest.mark.parametrize("contour", DEGENERATE)
def test_degenerate_contours_match_themselves(contour: Contour) -> None:
    rows = describe_shapes([contour, disc(30)])
    assert np.isfinite(rows).all()
    assert shape_similarities(rows[0], rows[:1])[0] == pytest.approx(1, abs=0.01)


def test_no_contours_give_no_rows() -> None:
    rows = describe_shapes([])
    assert rows.shape == (0, LENGTH)
    assert shape_distances(describe_shapes([RING])[0], rows).shape == (0,)


def test_a_row_does_not_depend_on_the_batch_it_came_in() -> None:
    contours = [star_shaped([20.0 + i, 50, 30, 60 - i, 25]) for i in range(40)]
    together = describe_shapes(contours)
    alone = np.concatenate([describe_shapes([one]) for one in contours])
    assert together == pytest.approx(alone, abs=1e-6)


def test_contours_of_other_sides_compare() -> None:
    large = rectangle(32, 16, 224, 240, side=256)
    assert distance(large, rectangle(16, 8, 112, 120)) < 0.05


def slow_apart(one: FloatArray, other: FloatArray) -> float:
    """The smallest distance over 128 shifts, forwards and backwards, one after the other."""
    shape = 12, 16, 2
    first = one.astype(np.float64).reshape(shape) @ [1, 1j]
    second = other.astype(np.float64).reshape(shape) @ [1, 1j]
    number = np.arange(12)[:, None]
    turns = [np.exp(-2j * np.pi * number * shift / 128) for shift in range(128)]
    ways = first, first.conj()
    return min(float(np.linalg.norm(way * turn - second)) for way in ways for turn in turns)


@given(st.lists(blobs, min_size=2, max_size=4))
@settings(max_examples=25)
def test_distances_agree_with_trying_every_shift(radii: list[list[float]]) -> None:
    rows = describe_shapes([star_shaped(one) for one in radii])
    slow = [
        0.61 * slow_apart(rows[0, WHOLE], row[WHOLE])
        + 0.33 * slow_apart(rows[0, CLOSED], row[CLOSED])
        + 2.8 * min(0.3, abs(float(row[HOLES] - rows[0, HOLES])))
        for row in rows
    ]
    assert shape_distances(rows[0], rows) == pytest.approx(slow, abs=4e-3)


@given(blobs, blobs)
@settings(max_examples=25)
def test_distances_are_symmetric_and_similarities_are_fractions(
    one: list[float], other: list[float]
) -> None:
    rows = describe_shapes([star_shaped(one), star_shaped(other)])
    there, back = shape_distances(rows[0], rows[1:]), shape_distances(rows[1], rows[:1])
    assert there[0] == pytest.approx(back[0], abs=4e-3)
    alike = shape_similarities(rows[0], rows)
    assert ((alike >= 0) & (alike <= 1)).all()

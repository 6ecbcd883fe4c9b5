"""The Fourier descriptor: invariances, differences, and its slow twin."""

from __future__ import annotations

import cmath

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import Contour
from stages.shape.boundary import boundary_points
from stages.shape.fourier import fourier_descriptor, fourier_similarities
from tests.stages.shape.drawn_contours import (
    DEGENERATE,
    EMPTY,
    LINE,
    blobs,
    disc,
    moved,
    rectangle,
    star_shaped,
)


@given(blobs, st.integers(0, 3), st.booleans())
@settings(max_examples=40)
def test_turns_and_mirrors_change_next_to_nothing(
    radii: list[float], quarters: int, mirrored: bool
) -> None:
    contour = star_shaped(radii)
    one, other = (
        fourier_descriptor(contour),
        fourier_descriptor(moved(contour, quarters, mirrored=mirrored)),
    )
    assert float(fourier_similarities(one, other[None])[0]) > 0.9


def test_it_agrees_with_the_sum_written_out() -> None:
    contour = star_shaped([20, 50, 30, 60, 25])
    points = boundary_points(contour)
    radii = np.hypot(*(points - points.mean(axis=0)).T)
    terms = [
        abs(sum(r * cmath.exp(-2j * cmath.pi * k * t / len(radii)) for t, r in enumerate(radii)))
        for k in range(5)
    ]
    assert fourier_descriptor(contour, 4)[1:] == pytest.approx(
        [t / terms[0] for t in terms[1:]], rel=1e-5
    )


def test_an_empty_contour_is_like_nothing_not_even_itself() -> None:
    rows = np.stack([fourier_descriptor(one) for one in (EMPTY, LINE, disc(50))])
    assert fourier_similarities(rows[0], rows).tolist() == [0, 0, 0]
    assert float(fourier_similarities(rows[2], rows)[0]) == 0


def test_a_square_is_nearer_to_a_disc_than_to_a_line() -> None:
    square, *others = (
        fourier_descriptor(one) for one in (rectangle(9, 9, 119, 119), disc(55), LINE)
    )
    round_, thin = fourier_similarities(square, np.stack(others))
    assert round_ > thin


@pytest.mark.parametrize("contour", DEGENERATE)
def test_degenerate_contours_are_finite_and_like_themselves(contour: Contour) -> None:
    row = fourier_descriptor(contour)
    assert np.isfinite(row).all()
    assert float(fourier_similarities(row, row[None])[0]) == 1


def test_more_harmonics_than_there_are_give_zeros() -> None:
    assert not fourier_descriptor(disc(50), 100)[66:].any()

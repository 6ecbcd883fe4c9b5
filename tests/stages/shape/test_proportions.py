"""Area, aspect ratio, width profile and principal axis of contours."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.types import Contour
from stages.shape.proportions import (
    area_fraction,
    aspect_ratio,
    principal_axis,
    profile_similarities,
    ratio_similarities,
    width_profile,
)
from tests.stages.shape.drawn_contours import (
    DEGENERATE,
    EMPTY,
    LINE,
    blobs,
    disc,
    drawn,
    moved,
    rectangle,
    star_shaped,
)


def test_a_rectangle_has_its_own_proportions() -> None:
    box = rectangle(40, 8, 88, 104)  # 48 wide, 96 high
    assert area_fraction(box) == pytest.approx(48 * 96 / 128**2)
    assert aspect_ratio(box) == pytest.approx(0.5)
    assert width_profile(box) == pytest.approx(np.full(32, 0.5))
    assert principal_axis(box) == 0


def test_an_empty_contour_has_no_proportions_and_is_like_nothing() -> None:
    profile = width_profile(EMPTY)
    assert (area_fraction(EMPTY), aspect_ratio(EMPTY), principal_axis(EMPTY)) == (0, 0, 0)
    assert not profile.any()
    assert not width_profile(EMPTY, upright=False).any()
    assert profile_similarities(profile, np.stack([profile, width_profile(LINE)])).tolist() == [
        0,
        0,
    ]
    assert ratio_similarities(0.0, np.array([0.0, 0.5], np.float32)).tolist() == [0, 0]


def test_the_profile_agrees_with_counting_cells_band_by_band() -> None:
    bottle = drawn(
        [(50, 16), (78, 16), (78, 48), (100, 64), (100, 111), (28, 111), (28, 64), (50, 48)]
    )
    rows = bottle.mask()[16:112]
    slow = [rows[3 * band : 3 * band + 3].sum() / 3 / 96 for band in range(32)]
    assert width_profile(bottle) == pytest.approx(slow, rel=1e-6)


def test_a_profile_runs_from_top_to_bottom() -> None:
    cone = drawn([(64, 10), (110, 118), (18, 118)])
    assert (np.diff(width_profile(cone)) > 0).all()


@given(blobs)
def test_a_profile_holds_the_area(radii: list[float]) -> None:
    contour = star_shaped(radii)
    rows = np.flatnonzero(contour.mask().any(axis=1))
    height = rows[-1] - rows[0] + 1
    assert width_profile(contour).mean() * height**2 == pytest.approx(contour.area, rel=1e-4)


def test_a_lying_package_is_read_along_its_own_axis() -> None:
    bottle = drawn([(54, 8), (74, 8), (74, 50), (92, 60), (92, 119), (36, 119), (36, 60), (54, 50)])
    upright = width_profile(bottle)
    for quarters in range(4):
        for mirrored in (False, True):
            lying = width_profile(moved(bottle, quarters, mirrored=mirrored), upright=False)
            assert float(profile_similarities(upright, lying[None])[0]) > 0.97


@pytest.mark.parametrize("degrees", [-60, -30, 0, 20, 45, 80])
def test_the_principal_axis_is_the_angle_a_bar_was_drawn_at(degrees: float) -> None:
    lean = math.radians(degrees)
    along = np.array([math.sin(lean), -math.cos(lean)])
    across = np.array([math.cos(lean), math.sin(lean)])
    corners = [
        64 + 50 * a * along + 8 * b * across for a, b in ((1, 1), (1, -1), (-1, -1), (-1, 1))
    ]
    found = principal_axis(drawn([(float(x), float(y)) for x, y in corners]))
    assert math.degrees(found) == pytest.approx(degrees, abs=1.0)


def test_a_disc_has_no_principal_axis() -> None:
    assert principal_axis(disc(40)) == 0


@pytest.mark.parametrize("contour", DEGENERATE)
def test_degenerate_contours_have_finite_proportions(contour: Contour) -> None:
    for upright in (True, False):
        profile = width_profile(contour, upright=upright)
        assert np.isfinite(profile).all()
        assert float(profile_similarities(profile, profile[None])[0]) == pytest.approx(1)
    assert aspect_ratio(contour) > 0


@given(st.floats(0.01, 5), st.floats(0.01, 5))
def test_ratios_are_symmetric_and_one_for_equals(one: float, other: float) -> None:
    there = ratio_similarities(one, np.array([other, one], np.float32))
    back = ratio_similarities(other, np.array([one], np.float32))
    assert there[0] == pytest.approx(back[0], rel=1e-5)
    assert there[1] == pytest.approx(1)
    assert 0 < there[0] <= 1


def test_profiles_overlap_as_symmetric_contours_would() -> None:
    narrow, wide = rectangle(48, 16, 80, 112), rectangle(40, 16, 88, 112)
    overlap = profile_similarities(width_profile(narrow), width_profile(wide)[None])
    assert float(overlap[0]) == pytest.approx(32 / 48)

"""The band between product and background: where it lies and that nothing is both."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.types import BoolArray, FloatArray
from stages.matting._trimap import BandWidths, Trimap, distance_to, make_trimap, product_size

LEVELS = st.sampled_from([0.0, 0.04, 0.05, 0.3, 0.5, 0.6, 0.95, 0.96, 1.0])
MATTES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12), elements=LEVELS
)
WIDTHS = st.builds(BandWidths, st.floats(0, 0.5), st.floats(0, 2))


def slow_distance(mask: BoolArray) -> npt.NDArray[np.float64]:
    """To the nearest set pixel, by looking at all of them."""
    places = np.argwhere(mask)
    distances = np.full(mask.shape, np.inf)
    for pixel in np.ndindex(mask.shape):
        if len(places):
            distances[pixel] = np.hypot(*(places - pixel).T).min()
    return distances


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=9)))
@settings(max_examples=40)
def test_distances_are_exact(mask: BoolArray) -> None:
    np.testing.assert_allclose(distance_to(mask), slow_distance(mask), rtol=1e-6)


@given(MATTES, WIDTHS)
def test_known_product_and_known_ground_never_touch(alpha: FloatArray, widths: BandWidths) -> None:
    trimap = make_trimap(alpha, widths)
    assert not (trimap.foreground & trimap.background).any()
    for axis in (0, 1):
        for one, other in (
            (trimap.foreground, trimap.background),
            (trimap.background, trimap.foreground),
        ):
            near = np.roll(one, 1, axis) & other
            edge = np.s_[1:] if axis == 0 else np.s_[:, 1:]
            assert not near[edge].any()


@given(MATTES, WIDTHS)
def test_what_is_known_agrees_with_the_saliency(alpha: FloatArray, widths: BandWidths) -> None:
    trimap = make_trimap(alpha, widths)
    assert (alpha[trimap.foreground] >= widths.high).all()
    if product_size(alpha) > 0:
        assert (alpha[trimap.background] <= widths.low).all()
        half = (alpha > widths.low) & (alpha < widths.high)
        assert trimap.unknown[half].all()


@given(MATTES, st.floats(0, 0.4), st.floats(0, 1), st.floats(0, 0.5))
def test_a_wider_band_holds_the_narrower(
    alpha: FloatArray, erode: float, dilate: float, more: float
) -> None:
    narrow = make_trimap(alpha, BandWidths(erode, dilate)).unknown
    wide = make_trimap(alpha, BandWidths(erode + more, dilate + more)).unknown
    assert not (narrow & ~wide).any()


@pytest.mark.parametrize("level", [0.0, 0.2, 0.49])
def test_a_matte_without_a_product_is_ground_throughout(level: float) -> None:
    trimap = make_trimap(np.full((7, 9), level, np.float32), BandWidths(0.1, 0.1))
    assert trimap.background.all() and not trimap.unknown.any()


def test_a_full_matte_is_product_throughout() -> None:
    trimap = make_trimap(np.ones((7, 9), np.float32), BandWidths(0.5, 0.5))
    assert trimap.foreground.all()


def test_the_band_has_the_asked_widths_on_both_sides_of_an_edge() -> None:
    alpha = np.zeros((100, 100), np.float32)
    alpha[:, :50] = 1.0  # size = sqrt(5000) = 70.7
    trimap = make_trimap(alpha, BandWidths(erode=0.1, dilate=0.2))
    assert np.flatnonzero(trimap.foreground[0])[-1] == 49 - 7  # of 7.07 pixels
    assert np.flatnonzero(trimap.background[0])[0] == 50 + 14  # of 14.14 pixels


def test_an_image_twice_as_large_has_a_band_twice_as_wide() -> None:
    alpha = np.zeros((240, 320), np.float32)
    alpha[80:200, 100:240] = 1.0
    widths = BandWidths(0.08, 0.15)
    small = make_trimap(alpha, widths).unknown
    large = make_trimap(np.kron(alpha, np.ones((2, 2), np.float32)), widths).unknown
    assert large.sum() == pytest.approx(4 * small.sum(), rel=0.06)


def test_the_images_rim_does_not_erode_a_product_that_it_cuts() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[:20] = 1.0
    assert make_trimap(alpha, BandWidths(0.1, 0.1)).foreground[0].all()


@pytest.mark.parametrize("doubted", [False, True])
def test_ground_that_a_product_encloses_may_be_doubted(doubted: bool) -> None:
    alpha = np.zeros((60, 60), np.float32)
    alpha[10:50, 10:50] = 1.0
    alpha[20:40, 20:40] = 0.0  # a mirror, or a hole
    trimap = make_trimap(alpha, BandWidths(0.02, 0.05, doubt_holes=doubted))
    assert trimap.unknown[30, 30] == doubted and trimap.background[30, 30] != doubted
    assert trimap.background[0, 0]


def test_what_is_known_is_put_in_and_the_rest_left() -> None:
    background = np.array([[True, False, False]])
    foreground = np.array([[False, False, True]])
    alpha = np.array([[0.7, 0.4, 0.2]], np.float32)
    imposed = Trimap(background, foreground).imposed_on(alpha)
    np.testing.assert_array_equal(imposed, np.array([[0.0, 0.4, 1.0]], np.float32))


def test_a_pixel_cannot_be_both() -> None:
    yes = np.ones((2, 2), np.bool_)
    with pytest.raises(ValueError, match="both"):
        Trimap(yes, yes)


@pytest.mark.parametrize("widths", [(-0.1, 0.1, 0.1, 0.9), (0.1, 0.1, 0.9, 0.1)])
def test_widths_that_make_no_sense_are_refused(widths: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="must"):
        BandWidths(*widths)

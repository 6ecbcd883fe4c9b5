"""Compositing keeps a product's colours and its shadow, and loses the old background."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.types import FloatArray, UInt8Array
from offline.train.segmenter.compositing import bare_strip, emptied, foreground, recomposed, shadow

RED = np.array([200.0, 30.0, 40.0])
SIDE = 64


def disc() -> FloatArray:
    """A soft disc in the middle, of radius a quarter."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    distance = np.hypot(rows - SIDE / 2, columns - SIDE / 2)
    return np.clip((SIDE / 4 - distance) / 4 + 0.5, 0.0, 1.0).astype(np.float32)


def mixed(alpha: FloatArray, front: object, back: object) -> UInt8Array:
    share = alpha[..., None]
    image = share * np.asarray(front) + (1 - share) * np.asarray(back)
    return np.rint(np.broadcast_to(image, (*alpha.shape, 3))).astype(np.uint8)


def test_a_red_disc_leaves_its_white_background_without_a_fringe() -> None:
    alpha = disc()
    before = mixed(alpha, RED, np.full(3, 255.0))
    black = np.zeros((SIDE, SIDE, 3), np.uint8)
    found = recomposed(before, alpha, black).astype(int)
    expected = mixed(alpha, RED, np.zeros(3)).astype(int)
    naive = np.rint(alpha[..., None] * before).astype(int)
    assert np.abs(found - expected).max() <= 12
    assert np.abs(found - expected).max() < np.abs(naive - expected).max() / 3


@given(hnp.arrays(np.uint8, (9, 12, 3)), hnp.arrays(np.uint8, (9, 12, 3)), st.booleans())
def test_where_the_matte_is_sure_the_pixels_are_exact(
    pixels: UInt8Array, background: UInt8Array, everything: bool
) -> None:
    alpha = np.full((9, 12), float(everything), np.float32)
    found = recomposed(pixels, alpha, background)
    if everything:
        assert np.array_equal(found, pixels)
    else:
        assert (found <= background).all()  # only a shadow may darken it


@given(
    hnp.arrays(np.uint8, (8, 8, 3)),
    hnp.arrays(np.float32, (8, 8), elements=st.floats(0, 1, width=32)),
)
def test_colours_stay_colours_whatever_the_matte(pixels: UInt8Array, alpha: FloatArray) -> None:
    colours = foreground(pixels, alpha)
    assert colours.shape == (8, 8, 3)
    assert np.isfinite(colours).all()
    assert 0 <= colours.min() <= colours.max() <= 255


def test_a_shadow_on_an_even_background_is_taken_along() -> None:
    alpha = disc()
    pixels = mixed(alpha, RED, np.full(3, 250.0))
    pixels[-8:, :20] = 225  # a soft shadow in a corner
    shade = shadow(pixels, alpha)
    assert shade is not None
    assert shade[-4, 4] == pytest.approx(0.9, abs=0.01)
    assert shade[4, 4] == pytest.approx(1.0)
    grey = np.full((SIDE, SIDE, 3), 100, np.uint8)
    assert recomposed(pixels, alpha, grey)[-4, 4].tolist() == [90, 90, 90]


def test_an_uneven_background_has_no_shadow_that_one_could_tell() -> None:
    alpha = disc()
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    assert shadow(noise, alpha) is None
    assert shadow(noise, np.ones((SIDE, SIDE), np.float32)) is None  # no background at all


def test_the_strip_beside_a_product_shows_nothing_of_it() -> None:
    alpha = np.zeros((20, 30), np.float32)
    alpha[5:15, 4:12] = 1.0
    pixels = mixed(alpha, RED, np.full(3, 250.0))
    strip = bare_strip(pixels, alpha)
    assert strip is not None
    assert strip.shape == (20, 18, 3)  # right of it
    assert (strip == 250).all()


def test_a_product_that_fills_its_image_has_no_strip_beside_it() -> None:
    alpha = np.ones((20, 20), np.float32)
    alpha[:, 0] = 0.0
    assert bare_strip(np.zeros((20, 20, 3), np.uint8), alpha) is None


def test_an_emptied_photo_shows_its_surroundings_and_nothing_of_the_product() -> None:
    alpha = disc()
    pixels = mixed(alpha, RED, np.full(3, 200.0))
    pixels[:4] = 90
    left = emptied(pixels, alpha).astype(int)
    assert np.abs(left[alpha > 0] - 200).max() < 40
    assert (left[:4] == 90).all()
    assert np.array_equal(emptied(pixels, np.zeros_like(alpha)), pixels)

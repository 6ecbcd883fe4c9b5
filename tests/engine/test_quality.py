"""The quality flags on mattes whose faults are known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.quality import EMPTY_FRACTION, assess, component_areas, is_one_colour
from engine.types import Matte, MatteQuality, RGBImage


def matte(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Matte:
    alpha = np.zeros((height, width), np.float32)
    for x1, y1, x2, y2 in boxes:
        alpha[y1:y2, x1:x2] = 1.0
    return Matte(alpha)


def test_a_centred_product_raises_no_flag() -> None:
    assert assess(matte(400, 300, (80, 60, 220, 340))) == MatteQuality()


def test_nothing_and_a_speck_are_empty_and_nothing_else() -> None:
    assert assess(matte(400, 300)).flags == ("empty",)
    assert assess(matte(400, 300, (0, 0, 12, 12))).flags == ("empty",)


def test_a_faint_matte_is_empty() -> None:
    assert assess(Matte(np.full((50, 50), 0.49, np.float32))).empty


def test_a_hand_that_enters_the_frame_touches_the_border() -> None:
    assert assess(matte(400, 300, (80, 60, 220, 340), (95, 340, 190, 400))).touches_border


def test_a_product_that_just_reaches_the_frame_does_not_count() -> None:
    assert assess(matte(400, 300, (130, 0, 160, 400))) == MatteQuality()


@pytest.mark.parametrize("turned", [False, True])
def test_a_product_framed_tightly_does_not_touch_the_border(turned: bool) -> None:
    """From edge to edge, or all but: a carton in a studio image without a margin."""
    for top, bottom in ((0, 400), (0, 385), (12, 400)):
        alpha = matte(400, 300, (80, top, 220, bottom)).alpha
        assert assess(Matte(alpha.T.copy() if turned else alpha)) == MatteQuality()


def test_a_product_that_spans_the_frame_beside_a_hand_touches_the_border() -> None:
    assert assess(matte(400, 300, (80, 0, 220, 400), (220, 150, 300, 250))).touches_border


def test_a_hand_below_a_product_that_reaches_the_top_touches_the_border() -> None:
    held = matte(400, 300, (60, 0, 220, 250), (170, 250, 280, 400))
    assert assess(held).touches_border


def test_a_product_that_is_cut_off_at_one_side_touches_the_border() -> None:
    assert assess(matte(400, 300, (80, 100, 220, 400))).touches_border


def test_one_stray_pixel_on_the_border_does_not_count() -> None:
    alpha = matte(400, 300, (80, 60, 220, 340)).alpha.copy()
    alpha[0, 5] = alpha[399, 200] = 1.0
    assert assess(Matte(alpha)) == MatteQuality()


def test_two_products_are_several_objects_and_a_crumb_is_not() -> None:
    product = (50, 50, 150, 350)
    assert assess(matte(400, 300, product, (180, 50, 260, 350))).several_objects
    assert not assess(matte(400, 300, product, (180, 50, 200, 70))).several_objects


def test_a_matte_of_ones_is_nearly_everything_and_touches_the_border() -> None:
    flags = assess(Matte(np.ones((200, 100), np.float32))).flags
    assert flags == ("touches_border", "nearly_everything")


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (3000, 2)])
def test_any_shape_is_judged(shape: tuple[int, int]) -> None:
    assert assess(Matte(np.zeros(shape, np.float32))).empty
    assert assess(Matte(np.ones(shape, np.float32))).nearly_everything


@given(st.integers(300, 500), st.integers(300, 500), st.floats(0.0, 0.3))
def test_the_flags_do_not_depend_on_the_resolution(height: int, width: int, left: float) -> None:
    boxes = [
        (round(s * width * left), round(s * height * 0.2), round(s * width * 0.7), s * height)
        for s in (1, 2)
    ]
    one = assess(matte(height, width, boxes[0]))
    two = assess(matte(height * 2, width * 2, boxes[1]))
    assert one == two
    assert one.touches_border and not one.several_objects


@given(hnp.arrays(np.float32, (24, 17), elements=st.floats(0, 1, width=32)))
def test_empty_is_the_fraction_of_the_area(alpha: np.ndarray) -> None:
    assert assess(Matte(alpha)).empty == ((alpha >= 0.5).mean() < EMPTY_FRACTION)


@given(hnp.arrays(np.bool_, (9, 11)))
def test_components_agree_with_a_flood_fill(mask: np.ndarray) -> None:
    assert component_areas(mask) == flood_fill_areas(mask)


def flood_fill_areas(mask: np.ndarray) -> list[int]:
    todo = {(int(row), int(column)) for row, column in np.argwhere(mask)}
    areas = []
    while todo:
        front, area = [todo.pop()], 0
        while front:
            row, column = front.pop()
            area += 1
            around = {(row + i, column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)} & todo
            todo -= around
            front.extend(around)
        areas.append(area)
    return sorted(areas, reverse=True)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (200, 30, 40)])
@pytest.mark.parametrize("noise", [0, 4])
def test_an_image_of_one_colour_shows_nothing(colour: tuple[int, int, int], noise: int) -> None:
    pixels = np.full((480, 360, 3), colour, np.float64)
    pixels += np.random.default_rng(0).normal(0, 1, pixels.shape) * noise
    assert is_one_colour(RGBImage(np.clip(pixels, 0, 255).astype(np.uint8)))


def test_an_image_with_something_small_or_faint_in_it_is_not_of_one_colour() -> None:
    small = np.full((480, 360, 3), 255, np.uint8)
    small[200:216, 100:116] = 120
    faint = np.full((480, 360, 3), 255, np.uint8)
    faint[100:400, 100:250] = 250
    assert not is_one_colour(RGBImage(small)) and not is_one_colour(RGBImage(faint))
    assert is_one_colour(RGBImage(np.zeros((1, 1, 3), np.uint8)))

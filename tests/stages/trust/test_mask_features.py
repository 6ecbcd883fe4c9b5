"""What a matte shows of its own worth: invariances, and features of shapes that are known."""

from __future__ import annotations

from dataclasses import asdict, replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import FloatArray, Matte, RGBImage
from stages.trust._features import (
    NAMES,
    SIDE,
    MaskFeatures,
    binary_entropy,
    edge_contrast,
    log_odds,
    mask_features,
    reduced,
    row,
    symmetry,
)

GREY = (128, 128, 128)


def matte(height: int, width: int, *boxes: tuple[int, int, int, int]) -> Matte:
    alpha = np.zeros((height, width), np.float32)
    for x1, y1, x2, y2 in boxes:
        alpha[y1:y2, x1:x2] = 1.0
    return Matte(alpha)


def image(height: int, width: int, colour: tuple[int, int, int] = GREY) -> RGBImage:
    return RGBImage(np.full((height, width, 3), colour, np.uint8))


def judged(found: Matte, seen: RGBImage | None = None) -> MaskFeatures:
    answer = mask_features(seen or image(*found.alpha.shape), found)
    assert answer is not None
    return answer


@st.composite
def blobs(draw: st.DrawFn) -> tuple[RGBImage, Matte]:
    """A few soft discs on a patchy image, at most as large as mattes are reduced to."""
    height, width = draw(st.integers(24, SIDE)), draw(st.integers(24, SIDE))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, columns = np.mgrid[0:height, 0:width]
    alpha = np.zeros((height, width), np.float32)
    for _ in range(draw(st.integers(1, 4))):
        y, x = random.uniform(0, height), random.uniform(0, width)
        radius = random.uniform(3, min(height, width) / 2)
        alpha = np.maximum(alpha, np.clip(radius - np.hypot(rows - y, columns - x), 0, 1))
    patches = random.integers(0, 256, (height, width, 3)).astype(np.uint8)
    return RGBImage(patches), Matte(alpha.astype(np.float32))


@given(blobs(), st.sampled_from(["left-right", "up-down", "quarter turn"]))
@settings(max_examples=40, deadline=None)
def test_mirror_images_and_quarter_turns_change_nothing(
    pair: tuple[RGBImage, Matte], move: str
) -> None:
    image, found = pair
    turn = {"left-right": np.fliplr, "up-down": np.flipud, "quarter turn": np.rot90}[move]
    moved = RGBImage(np.ascontiguousarray(turn(image.pixels)))
    other = mask_features(moved, Matte(np.ascontiguousarray(turn(found.alpha))))
    one = mask_features(image, found)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        # A symmetry axis is found by floats, so a pixel on its edge may fall either way.
        assert one.symmetry == pytest.approx(other.symmetry, abs=0.02)
        # Of two least rectangles of one area either may be found.
        assert one.elongation == pytest.approx(other.elongation, abs=0.2)
        same = replace(other, symmetry=one.symmetry, elongation=one.elongation)
        np.testing.assert_allclose(row(one), row(same), atol=1e-3)


@given(st.integers(2, 5), st.booleans(), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_image_several_times_as_large_is_judged_alike(
    times: int, hole: bool, crumb: bool
) -> None:
    boxes = [(40, 30, 100, 130)] + ([(120, 20, 140, 40)] if crumb else [])
    small = matte(SIDE, SIDE, *boxes).alpha.copy()
    if hole:
        small[60:80, 60:80] = 0.0
    image = cv2.applyColorMap((small * 200).astype(np.uint8), cv2.COLORMAP_JET)
    once = judged(Matte(small), RGBImage(image))
    large = np.kron(small, np.ones((times, times), np.float32))
    grown = RGBImage(np.ascontiguousarray(image.repeat(times, 0).repeat(times, 1)))
    np.testing.assert_allclose(row(judged(Matte(large), grown)), row(once), atol=1e-6)


@given(blobs())
@settings(max_examples=40, deadline=None)
def test_shares_lie_between_0_and_1_and_everything_is_finite(
    pair: tuple[RGBImage, Matte],
) -> None:
    found = mask_features(*pair)
    if found is None:
        return
    assert np.isfinite(row(found)).all() and len(row(found)) == len(NAMES)
    shares = {name: value for name, value in asdict(found).items() if name not in UNBOUNDED}
    assert all(0 <= value <= 1 for value in shares.values()), shares


UNBOUNDED = {
    "pieces",
    "area",
    "area_squared",
    "contrast",
    "elongation",
    "lightness",
    "print_in_box",
}


def test_nothing_segmented_is_no_evidence() -> None:
    assert mask_features(image(90, 90), matte(90, 90)) is None
    assert mask_features(image(90, 90), matte(90, 90, (3, 3, 5, 5))) is None


def test_a_matte_of_another_image_is_refused() -> None:
    with pytest.raises(ValueError, match="matte"):
        mask_features(image(9, 8), matte(8, 9))


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (2000, 3)])
def test_any_shape_is_judged(shape: tuple[int, int]) -> None:
    found = judged(Matte(np.ones(shape, np.float32)))
    assert np.isfinite(row(found)).all()
    assert found.border == 1.0


def test_a_binary_mask_of_few_pixels_has_no_entropy_and_doubt_adds_it_where_it_is() -> None:
    sharp = judged(matte(100, 100, (30, 30, 70, 70)))
    assert sharp.entropy == sharp.edge_entropy == sharp.inner_entropy == 0.0
    inside = matte(100, 100, (30, 30, 70, 70)).alpha.copy()
    inside[48:52, 48:52] = 0.5
    doubted = judged(Matte(inside))
    assert doubted.inner_entropy > 0.0 == doubted.edge_entropy
    edge = matte(100, 100, (30, 30, 70, 70)).alpha.copy()
    edge[30:70, 30] = 0.5
    assert judged(Matte(edge)).edge_entropy > 0.0 == judged(Matte(edge)).inner_entropy


def test_entropy_is_one_bit_at_a_half_and_none_at_the_ends() -> None:
    alpha = np.array([0.0, 0.25, 0.5, 0.75, 1.0], np.float32)
    np.testing.assert_allclose(binary_entropy(alpha), [0, 0.811278, 1, 0.811278, 0], atol=1e-6)


def test_floats_and_the_levels_of_a_file_are_judged_alike() -> None:
    random = np.random.default_rng(3)
    alpha = random.random((50, 60)).astype(np.float32)
    levels = np.rint(alpha * 255).astype(np.uint8)
    np.testing.assert_array_equal(reduced(alpha), reduced(levels.astype(np.float32) / 255))


def test_what_touches_the_frame_is_counted_once_a_pixel() -> None:
    assert judged(matte(40, 60, (20, 10, 50, 30))).border == 0.0
    assert judged(matte(40, 60, (0, 10, 30, 30))).border == pytest.approx(20 / (2 * 60 + 2 * 38))


def test_further_pieces_and_holes_are_counted_by_number_and_area() -> None:
    one = judged(matte(100, 100, (10, 10, 50, 50)))
    assert (one.pieces, one.pieces_area, one.holes) == (0.0, 0.0, 0.0)
    two = judged(matte(100, 100, (10, 10, 50, 50), (60, 60, 80, 80)))
    assert two.pieces == pytest.approx(np.log(2))
    assert two.pieces_area == pytest.approx(400 / 2000)
    ring = matte(100, 100, (10, 10, 50, 50)).alpha.copy()
    ring[20:30, 20:30] = 0.0
    assert judged(Matte(ring)).holes == pytest.approx(100 / 1600)


def test_a_box_is_its_own_hull_and_an_l_is_not() -> None:
    assert judged(matte(100, 100, (20, 20, 60, 80))).solidity == pytest.approx(1.0)
    l_shape = judged(matte(100, 100, (20, 20, 40, 80), (20, 60, 80, 80)))
    assert l_shape.solidity == pytest.approx((20 * 60 + 40 * 20) / (60 * 60 - 40 * 40 / 2))


def test_the_offset_is_none_in_the_centre_and_one_in_a_far_corner() -> None:
    assert judged(matte(80, 60, (20, 20, 40, 60))).offset == pytest.approx(0.0)
    corner = judged(matte(100, 100, (92, 92, 100, 100)))
    assert corner.offset == pytest.approx(46 * np.sqrt(2) / (50 * np.sqrt(2)))


def test_log_odds_are_those_of_the_share_and_stay_finite() -> None:
    assert log_odds(0.5) == 0.0
    assert log_odds(0.25) == pytest.approx(-np.log(3))
    assert np.isfinite(log_odds(0.0)) and np.isfinite(log_odds(1.0))


def two_tone(dark: int, light: int) -> FloatArray:
    """(60, 60, 3) CIE L*a*b*, a square of one lightness on a background of another."""
    lab = np.zeros((60, 60, 3), np.float32)
    lab[..., 0] = light
    lab[20:40, 20:40, 0] = dark
    return lab


def test_an_edge_where_the_image_has_one_is_strong_and_one_beside_it_is_weak() -> None:
    square = matte(60, 60, (20, 20, 40, 40)).alpha > 0.5
    assert edge_contrast(two_tone(30, 80), square, 3) == (pytest.approx(0.5), 0.0)
    elsewhere = matte(60, 60, (0, 0, 10, 10)).alpha > 0.5
    assert edge_contrast(two_tone(30, 80), elsewhere, 3) == (pytest.approx(0.0), 1.0)
    assert edge_contrast(two_tone(70, 75), square, 3)[1] == 1.0


def test_the_frame_is_no_edge() -> None:
    assert edge_contrast(two_tone(30, 80), np.ones((60, 60), np.bool_), 3) == (0.0, 1.0)


@pytest.mark.parametrize("degrees", [0, 20, 45, 77])
def test_a_bottle_is_symmetric_however_it_is_tilted_and_a_comma_is_not(degrees: int) -> None:
    bottle = matte(160, 160, (60, 60, 100, 140), (72, 30, 88, 62)).alpha
    comma = matte(160, 160, (60, 30, 100, 70), (85, 60, 100, 140)).alpha
    turn = cv2.getRotationMatrix2D((80, 80), degrees, 1.0)
    upright, curved = (
        symmetry(cv2.warpAffine(alpha, turn, (160, 160)) >= 0.5) for alpha in (bottle, comma)
    )
    assert upright > 0.9
    assert curved < 0.75


def test_one_pixel_is_symmetric() -> None:
    assert symmetry(np.ones((1, 1), np.bool_)) == 1.0


def test_a_rectangle_fills_its_rectangle_in_any_direction_and_an_l_does_not() -> None:
    upright = judged(matte(100, 100, (20, 10, 60, 90)))
    assert upright.fill == pytest.approx(1.0) and upright.elongation == pytest.approx(np.log(2))
    turned = np.zeros((100, 100), np.float32)
    corners = cv2.boxPoints(((50.0, 50.0), (30.0, 60.0), 30.0)).astype(np.int32)
    cv2.fillPoly(turned, [corners], 1.0)
    slanted = judged(Matte(turned))
    assert slanted.fill > 0.93 and slanted.elongation == pytest.approx(np.log(2), abs=0.05)
    assert judged(matte(100, 100, (20, 10, 40, 90), (40, 70, 80, 90))).fill < 0.6


def test_a_hand_has_the_colour_of_skin_and_cartons_do_not() -> None:
    held = matte(100, 100, (20, 10, 60, 90))
    for skin in ((224, 172, 140), (141, 85, 56), (198, 134, 96)):
        assert judged(held, image(100, 100, skin)).skin == 1.0
    for carton in ((240, 240, 235), (20, 80, 190), (220, 20, 20), (30, 140, 40), (15, 12, 10)):
        assert judged(held, image(100, 100, carton)).skin == 0.0


def test_a_light_product_before_a_dark_shelf_is_lighter_than_it() -> None:
    pixels = np.full((100, 100, 3), 40, np.uint8)
    pixels[10:90, 20:60] = 230
    held = matte(100, 100, (20, 10, 60, 90))
    assert judged(held, RGBImage(pixels)).lightness > 1.0
    assert judged(held, RGBImage(255 - pixels)).lightness < -1.0
    assert judged(matte(100, 100, (0, 0, 100, 100)), RGBImage(pixels)).lightness == 0.0


def test_a_mask_whose_box_leaves_the_print_outside_has_less_of_it() -> None:
    """A carton, printed in its lower half; the cap above it; and the frame without print."""
    pixels = np.full((120, 120, 3), 90, np.uint8)
    pixels[20:110, 30:90] = 220
    pixels[60:100, 40:80] = np.random.default_rng(0).integers(0, 255, (40, 40, 1), np.uint8)
    seen = RGBImage(pixels)
    carton, cap = (
        judged(matte(120, 120, box), seen).print_in_box
        for box in ((30, 20, 90, 110), (30, 20, 90, 50))
    )
    assert carton > 3 and cap < -3
    assert judged(matte(120, 120, (30, 20, 90, 50)), image(120, 120)).print_in_box == 0.0
    assert judged(matte(120, 120, (0, 0, 120, 120)), seen).print_in_box == pytest.approx(0.0)

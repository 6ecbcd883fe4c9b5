"""Contours: packing, alignment and overlap, against boolean masks."""

import gc
import weakref

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.contours import (
    aligned_contour,
    boundary,
    frame_contour,
    iou,
    ious,
    packed_ious,
    product_box,
)
from engine.types import CONTOUR_SIDE, Contour, Matte, once

masks = hnp.arrays(np.bool_, (16, 16))
EMPTY = Contour.from_mask(np.zeros((16, 16), np.bool_))


def slow_iou(one: np.ndarray, other: np.ndarray) -> float:
    union = np.logical_or(one, other).sum()
    return float(np.logical_and(one, other).sum() / union) if union else 0.0


@given(masks, masks)
def test_the_overlap_agrees_with_boolean_masks(one: np.ndarray, other: np.ndarray) -> None:
    a, b = Contour.from_mask(one), Contour.from_mask(other)
    assert iou(a, b) == pytest.approx(slow_iou(one, other))
    assert iou(a, b) == iou(b, a)
    assert 0.0 <= iou(a, b) <= 1.0


@given(masks)
def test_a_contour_overlaps_itself_wholly_unless_it_is_empty(mask: np.ndarray) -> None:
    contour = Contour.from_mask(mask)
    assert iou(contour, contour) == (1.0 if mask.any() else 0.0)


@given(masks, st.lists(masks, max_size=5))
def test_many_overlaps_at_once_are_each_of_them_alone(
    query: np.ndarray, others: list[np.ndarray]
) -> None:
    contours = [Contour.from_mask(other) for other in others]
    together = ious(Contour.from_mask(query), contours)
    assert together.dtype == np.float64
    assert together.tolist() == [iou(Contour.from_mask(query), other) for other in contours]


@given(masks, hnp.arrays(np.bool_, st.tuples(st.integers(1, 9), st.just(16), st.just(16))))
def test_contours_in_rows_overlap_as_boolean_masks_do(
    query: np.ndarray, others: np.ndarray
) -> None:
    packed = np.packbits(others.reshape(len(others), -1), axis=1)
    found = packed_ious(Contour.from_mask(query), packed, others.sum((1, 2)))
    assert found.tolist() == [slow_iou(query, other) for other in others]


def test_rows_of_another_length_are_refused() -> None:
    for packed in (np.zeros((2, 8), np.uint8), np.zeros((2, 64), np.uint8)[:, ::2]):
        with pytest.raises(ValueError, match="32 bytes"):
            packed_ious(EMPTY, packed, np.zeros(2, np.int64))


def test_bits_that_come_from_a_database_are_compared_as_well() -> None:
    mask = np.random.default_rng(0).random((16, 16)) < 0.5
    contour = Contour.from_mask(mask)
    stored = b"x" + contour.packed.tobytes()
    again = Contour(np.frombuffer(stored, np.uint8, offset=1), 16, contour.area)
    assert iou(contour, again) == 1.0


def test_an_empty_contour_matches_nothing() -> None:
    full = Contour.from_mask(np.ones((16, 16), np.bool_))
    assert iou(EMPTY, EMPTY) == 0.0
    assert ious(EMPTY, [full, EMPTY]).tolist() == [0.0, 0.0]


def test_contours_of_different_sides_are_refused() -> None:
    with pytest.raises(ValueError, match="side"):
        iou(EMPTY, Contour.from_mask(np.zeros((8, 8), np.bool_)))


def bottle(shape: tuple[int, int], centre: tuple[float, float], height: float) -> Matte:
    """A bottle-like contour, ``height`` pixels tall."""
    rows, columns = np.mgrid[0 : shape[0], 0 : shape[1]]
    y, x = (rows - centre[1]) / height, (columns - centre[0]) / height
    body = (np.abs(x) < 0.2) & (y > -0.2) & (y < 0.5)
    neck = (np.abs(x) < 0.08) & (y > -0.5) & (y <= -0.2)
    return Matte((body | neck).astype(np.float32))


def test_the_frame_contour_keeps_the_place() -> None:
    alpha = np.zeros((100, 200), np.float32)
    alpha[:, :100] = 1.0
    mask = frame_contour(Matte(alpha)).mask()
    expected = np.zeros((CONTOUR_SIDE, CONTOUR_SIDE), bool)
    expected[32:96, :64] = True  # the frame is 2 : 1 and lies in the middle of the square
    np.testing.assert_array_equal(mask, expected)


@given(st.integers(40, 600), st.integers(40, 600), st.data())
def test_the_frame_contour_agrees_with_padding_first(
    height: int, width: int, data: st.DataObject
) -> None:
    x = data.draw(st.floats(0.3, 0.7)) * width
    matte = bottle((height, width), (x, height / 2), min(height, width) * 0.8)
    side = max(height, width)
    square = np.zeros((side, side), np.float32)
    top, left = (side - height) // 2, (side - width) // 2
    square[top : top + height, left : left + width] = matte.alpha
    method = cv2.INTER_AREA if side > CONTOUR_SIDE else cv2.INTER_LINEAR
    padded = cv2.resize(square, (CONTOUR_SIDE, CONTOUR_SIDE), interpolation=method) >= 0.5
    # Rounding the frame to whole cells may shift an edge by a cell.
    assert slow_iou(frame_contour(matte).mask(), padded) > 0.8 if padded.sum() > 300 else True


# Below 140 px the drawing itself decides: a pixel is 2 % of the body's 48.
@settings(deadline=None)
@given(st.floats(140, 350), st.floats(140, 350), st.floats(0, 1), st.floats(0, 1))
def test_alignment_takes_out_position_and_size(a: float, b: float, x: float, y: float) -> None:
    centres = [(h * 0.25 + x * (400 - h * 0.5), h * 0.5 + y * (400 - h)) for h in (a, b)]
    one, other = (bottle((400, 400), c, h) for c, h in zip(centres, (a, b), strict=True))
    assert iou(aligned_contour(one), aligned_contour(other)) >= 0.95


def test_alignment_keeps_the_aspect() -> None:
    alpha = np.zeros((300, 300), np.float32)
    alpha[20:220, 30:80] = 1.0
    mask = aligned_contour(Matte(alpha)).mask()
    assert (mask.any(1).sum(), mask.any(0).sum()) == (112, 28)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    assert (rows[0], rows[-1]) == (8, 119) and (columns[0], columns[-1]) == (50, 77)


def test_a_crumb_in_the_corner_does_not_decide_the_box() -> None:
    clean = bottle((300, 300), (150, 150), 200)
    alpha = clean.alpha.copy()
    alpha[2:8, 2:8] = 1.0
    assert iou(aligned_contour(clean), aligned_contour(Matte(alpha))) == 1.0


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (128, 128), (7, 900)])
def test_any_shape_has_a_contour(shape: tuple[int, int]) -> None:
    full, empty = Matte(np.ones(shape, np.float32)), Matte(np.zeros(shape, np.float32))
    for contour in (frame_contour(full), aligned_contour(full)):
        assert contour.side == CONTOUR_SIDE and contour.area == contour.mask().sum() > 0
    assert frame_contour(empty).area == aligned_contour(empty).area == 0


def test_other_sides_are_possible() -> None:
    assert frame_contour(bottle((50, 60), (30, 25), 40), side=32).side == 32
    assert aligned_contour(bottle((50, 60), (30, 25), 40), side=16).mask().any(1).sum() == 14


def test_the_boundary_surrounds_pieces_and_holes() -> None:
    mask = np.zeros((64, 64), np.bool_)
    mask[8:40, 16:48] = True
    mask[16:24, 24:32] = False
    lines = boundary(Contour.from_mask(mask))
    assert len(lines) == 2
    assert all(line.dtype == np.float32 and line.shape[1] == 2 for line in lines)
    outer = max(lines, key=lambda line: np.ptp(line))
    np.testing.assert_allclose(outer.min(0), [16.5 / 64, 8.5 / 64])
    np.testing.assert_allclose(outer.max(0), [47.5 / 64, 39.5 / 64])


def test_an_empty_contour_has_no_boundary() -> None:
    assert boundary(EMPTY) == []


def test_the_box_of_the_product_leaves_crumbs_out() -> None:
    alpha = np.zeros((60, 80), np.float32)
    assert product_box(Matte(alpha.copy())) is None
    alpha[10:40, 20:70] = 0.6
    alpha[55, 3] = 1.0
    assert product_box(Matte(alpha)) == (20, 10, 70, 40)


def test_the_box_of_a_matte_is_found_once_and_forgotten_with_it() -> None:
    looked_at: list[int] = []

    @once
    def height(matte: Matte) -> int:
        looked_at.append(len(matte.alpha))
        return len(matte.alpha)

    one, other = (Matte(np.zeros((side, 4), np.float32)) for side in (3, 5))
    assert [height(one), height(one), height(other)] == [3, 3, 5]
    assert looked_at == [3, 5]
    gone = weakref.ref(one)
    del one
    gc.collect()
    assert gone() is None

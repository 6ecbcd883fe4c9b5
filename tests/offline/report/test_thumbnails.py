"""Images in a report."""

import io

import numpy as np
import pytest
from PIL import Image

from engine.types import RGBImage
from offline.report.thumbnails import (
    PREDICTED_COLOUR,
    SIDE,
    TRUE_COLOUR,
    overlay,
    thumbnail,
    with_places,
)


def opened(jpeg: bytes) -> Image.Image:
    return Image.open(io.BytesIO(jpeg))


@pytest.mark.parametrize("size", [(1, 1), (3, 900), (900, 3), (256, 256), (20, 30)])
def test_a_thumbnail_is_a_jpeg_within_its_side(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 200, np.uint8)
    picture = opened(thumbnail(pixels, "a.png", "query").jpeg)
    assert picture.format == "JPEG"
    assert max(picture.size) <= SIDE
    assert max(size) > SIDE or picture.size == size[::-1]


def test_a_thumbnail_names_its_image() -> None:
    image = RGBImage(np.zeros((4, 4, 3), np.uint8), "own.png")
    assert thumbnail(image).uri == "own.png"
    assert thumbnail(image, "given.png", "hit").uri == "given.png"


def test_the_same_pixels_give_the_same_bytes() -> None:
    pixels = np.random.default_rng(1).integers(0, 255, (300, 200, 3)).astype(np.uint8)
    assert thumbnail(pixels).jpeg == thumbnail(pixels.copy()).jpeg


def test_an_overlay_shows_both_outlines_and_tints_what_differs() -> None:
    pixels = np.full((100, 100, 3), 255, np.uint8)
    true, predicted = np.zeros((100, 100), bool), np.zeros((100, 100), np.float32)
    true[10:60, 10:90] = True
    predicted[30:90, 10:90] = 1.0
    drawn = overlay(pixels, true, predicted)
    assert tuple(drawn[10, 50]) == TRUE_COLOUR
    assert tuple(drawn[89, 50]) == PREDICTED_COLOUR
    assert tuple(drawn[45, 50]) == (255, 255, 255)  # both
    assert drawn[20, 50, 2] > drawn[20, 50, 0]  # only true: blue
    assert drawn[75, 50, 0] > drawn[75, 50, 2]  # only predicted: orange
    assert np.all(pixels == 255)


def test_empty_mattes_leave_the_image_as_it_is() -> None:
    pixels = np.random.default_rng(2).integers(0, 255, (40, 30, 3)).astype(np.uint8)
    nothing = np.zeros((40, 30), np.float32)
    np.testing.assert_array_equal(overlay(pixels, nothing, nothing), pixels)


def test_an_overlay_of_a_large_image_is_small() -> None:
    matte = np.ones((900, 300), np.float32)
    assert overlay(np.zeros((900, 300, 3), np.uint8), matte, matte).shape == (256, 85, 3)


def test_shapes_that_do_not_fit_are_refused() -> None:
    pixels = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(ValueError, match="mattes"):
        overlay(pixels, np.zeros((9, 10), bool), np.zeros((10, 10), bool))
    with pytest.raises(ValueError, match="uint8"):
        thumbnail(pixels.astype(np.float32))  # type: ignore[arg-type]


@pytest.mark.parametrize("size", [(100, 100), (1, 1), (3, 900), (2000, 1500)])
def test_places_are_drawn_on_a_small_copy(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 200, np.uint8)
    drawn = with_places(pixels, [(0, "#0b57c4", (0.1, 0.0)), (12, "#b93d05", (1.0, 1.0))])
    assert max(drawn.shape) <= SIDE
    assert np.all(pixels == 200)


def test_a_place_has_its_colour_and_a_white_edge_and_later_ones_lie_on_top() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    drawn = with_places(pixels, [(0, "#0b57c4", (0.25, 0.5)), (0, "#b93d05", (0.75, 0.5))])
    assert tuple(drawn[100, 50]) == (0x0B, 0x57, 0xC4)
    assert tuple(drawn[100, 150]) == (0xB9, 0x3D, 0x05)
    assert drawn[100, 145:149].min(axis=1).max() > 100
    assert not drawn[:90].any()
    covered = with_places(pixels, [(0, "#0b57c4", (0.5, 0.5)), (0, "#b93d05", (0.5, 0.5))])
    assert tuple(covered[100, 100]) == (0xB9, 0x3D, 0x05)


def test_a_number_is_larger_than_a_dot_and_differs_from_another() -> None:
    pixels = np.zeros((200, 200, 3), np.uint8)
    dot, one, two = (with_places(pixels, [(n, "#0b57c4", (0.5, 0.5))]) for n in (0, 1, 2))
    assert np.count_nonzero(dot) < np.count_nonzero(one)
    assert not np.array_equal(one, two)

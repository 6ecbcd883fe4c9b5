"""A part of an image by a box in its original pixels."""

from __future__ import annotations

import numpy as np
import pytest

from engine.cropping import cropped, within
from engine.errors import ConfigError
from engine.types import RGBImage


def image(width: int, height: int, *, original: tuple[int, int] = (0, 0)) -> RGBImage:
    """Red grows to the right, green downwards."""
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[:, :, 0] = np.arange(width) * 255 // width
    pixels[:, :, 1] = (np.arange(height) * 255 // height)[:, None]
    return RGBImage(pixels, "photo", original, alpha=pixels[:, :, 1].copy())


def test_the_box_is_cut_from_an_image_of_its_original_size() -> None:
    whole = image(100, 80)
    part = cropped(whole, (10, 20, 60, 70), 1024)
    np.testing.assert_array_equal(part.pixels, whole.pixels[20:70, 10:60])
    assert part.alpha is not None and whole.alpha is not None
    np.testing.assert_array_equal(part.alpha, whole.alpha[20:70, 10:60])
    assert part.original_size == (50, 50)


def test_the_box_is_in_pixels_of_the_original_where_less_was_decoded() -> None:
    part = cropped(image(100, 80, original=(1000, 800)), (500, 400, 1000, 800), 1024)
    assert (part.width, part.height, part.original_size) == (50, 40, (500, 400))
    assert part.pixels[0, 0].tolist() == [127, 127, 0]


def test_a_part_is_no_longer_than_the_longest_side() -> None:
    part = cropped(image(400, 300), (0, 0, 400, 200), 100)
    assert (part.width, part.height, part.original_size) == (100, 50, (400, 200))
    assert part.alpha is not None and part.alpha.shape == (50, 100)


def test_what_lies_outside_of_the_image_does_not_count() -> None:
    assert within((-50, -9, 40, 900), 100, 80, "photo") == (0, 0, 40, 80)


@pytest.mark.parametrize(
    "box", [(0, 0, 7, 50), (60, 0, 10, 50), (200, 0, 300, 50), (0, 79, 50, 90)]
)
def test_too_small_a_box_is_refused(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(ConfigError):
        within(box, 100, 80, "photo")

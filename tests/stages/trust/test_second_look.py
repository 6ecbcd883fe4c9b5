"""The second image, and that a mask of it lands where it belongs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from engine.types import Matte, RGBImage
from stages.trust._second_look import PADDING, agreement, mirrored_padded, restored


class Redness:
    """Segments what is red, exactly, wherever and however large it is."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        return [Matte((image.pixels[..., 0] > 200).astype(np.float32)) for image in images]


class Left:
    """Segments the left half of whatever it is shown."""

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        mattes = []
        for image in images:
            alpha = np.zeros((image.height, image.width), np.float32)
            alpha[:, : image.width // 2] = 1.0
            mattes.append(Matte(alpha))
        return mattes


def red_box(height: int, width: int, box: tuple[int, int, int, int]) -> RGBImage:
    pixels = np.zeros((height, width, 3), np.uint8)
    x1, y1, x2, y2 = box
    pixels[y1:y2, x1:x2, 0] = 255
    return RGBImage(pixels)


@pytest.mark.parametrize("shape", [(60, 40), (41, 77), (5, 5)])
def test_what_is_mirrored_padded_comes_back_to_its_place(shape: tuple[int, int]) -> None:
    height, width = shape
    image = red_box(height, width, (1, 1, width // 2, height // 3 + 1))
    again = mirrored_padded(image)
    assert again.height == height + 2 * round(height * PADDING)
    (matte,) = Redness().segment([again])
    np.testing.assert_array_equal(restored(matte, image), image.pixels[..., 0] > 200)


def test_a_mask_of_the_thing_agrees_and_one_of_the_place_does_not() -> None:
    images = [red_box(60, 40, (5, 5, 30, 40)), red_box(50, 50, (20, 10, 40, 30))]
    assert agreement(Redness(), images, Redness().segment(images)).tolist() == [1.0, 1.0]
    assert agreement(Left(), images, Left().segment(images)).max() < 0.1


def test_nothing_found_twice_is_no_agreement() -> None:
    image = red_box(20, 20, (0, 0, 0, 0))
    assert agreement(Redness(), [image], Redness().segment([image])).tolist() == [0.0]
    assert agreement(Redness(), [], []).shape == (0,)


def test_images_of_one_pixel_are_survived() -> None:
    image = red_box(1, 1, (0, 0, 1, 1))
    assert agreement(Redness(), [image], Redness().segment([image])).tolist() == [1.0]

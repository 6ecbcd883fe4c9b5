"""Images and masks halved before they are brought to a size."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from engine.halving import ROOM, half, halved, halved_image, reduced
from engine.types import RGBImage

SIDES = st.integers(1, 70)


def noise(
    rows: int, columns: int, seed: int = 0
) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    drawn = np.random.default_rng(seed).integers(0, 256, (rows, columns, 3))
    return np.asarray(drawn, np.uint8)


@given(rows=SIDES, columns=SIDES, height=SIDES, width=SIDES)
def test_it_ends_between_once_and_twice_the_room(
    rows: int, columns: int, height: int, width: int
) -> None:
    pixels = noise(rows, columns)
    found = halved(pixels, width, height)
    if found is not pixels:
        assert found.shape[0] >= ROOM * height
        assert found.shape[1] >= ROOM * width
    assert found.shape[0] < 2 * ROOM * height or found.shape[1] < 2 * ROOM * width


@given(rows=SIDES, columns=SIDES, seed=st.integers(0, 9))
def test_even_sides_are_averaged_two_by_two(rows: int, columns: int, seed: int) -> None:
    pixels = noise(2 * rows, 2 * columns, seed)
    slow = pixels.reshape(rows, 2, columns, 2, 3).mean(axis=(1, 3))
    assert np.abs(half(pixels) - slow).max() <= 0.5


@pytest.mark.parametrize("sides", [(683, 1024), (101, 33), (1, 8), (1, 1)])
def test_odd_sides_keep_the_frame(sides: tuple[int, int]) -> None:
    """A ramp stays a ramp between the same ends."""
    rows, columns = sides
    ramp = np.linspace(0, 1, columns, dtype=np.float32)[None].repeat(rows, axis=0)
    found = half(ramp)
    assert found.shape == ((rows + 1) // 2, (columns + 1) // 2)
    centres = (np.arange(found.shape[1]) + 0.5) / found.shape[1] * columns - 0.5
    expected = np.clip(centres, 0, columns - 1) / max(1, columns - 1)
    assert np.abs(found[0] - expected).max() < 1e-4


def test_an_image_is_halved_as_its_pixels_are() -> None:
    image = RGBImage(noise(240, 320))
    assert np.array_equal(halved_image(image, 32, 32), halved(image.pixels, 32, 32))
    assert halved_image(image, 200, 200) is image.pixels


@given(rows=SIDES, columns=SIDES, height=SIDES, width=SIDES)
def test_what_is_reduced_has_the_size_that_is_given(
    rows: int, columns: int, height: int, width: int
) -> None:
    assert reduced(noise(rows, columns), width, height).shape == (height, width, 3)


@pytest.mark.parametrize("longer", [257, 289, 324, 408, 504, 512, 640, 816, 1000])
def test_a_reduced_image_is_near_to_lanczos_filter(longer: int) -> None:
    """Of an image with detail in every pixel about as near as means of areas, or nearer."""
    rows, columns = longer * 3 // 4, longer
    photo = cv2.GaussianBlur(noise(rows, columns), (0, 0), 0.7)
    slow = np.asarray(Image.fromarray(photo).resize((256, 192), Image.Resampling.LANCZOS), float)
    areas = cv2.resize(photo, (256, 192), interpolation=cv2.INTER_AREA)
    found = reduced(photo, 256, 192)
    assert np.square(found - slow).mean() < 1.25 * np.square(areas - slow).mean()


@pytest.mark.parametrize("longer", [300, 409, 513, 1021])
def test_a_reduced_ramp_keeps_its_place(longer: int) -> None:
    ramp = np.linspace(0, 255, longer, dtype=np.float32)[None].repeat(longer // 2, axis=0)
    found = reduced(ramp, 256, 128)[0]
    centres = (np.arange(256) + 0.5) / 256 * longer - 0.5
    expected = centres / (longer - 1) * 255
    assert np.abs(found - expected)[2:-2].max() < 0.05

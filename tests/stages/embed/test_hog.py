"""HOG against a plain loop over pixels, cells and blocks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from engine.types import FloatArray, UInt8Array
from stages.embed._hog import gradients, hog

BINS = 9


def slow_hog(pixels: UInt8Array, weight: FloatArray, cell: int) -> list[float]:
    side = len(pixels)
    count = side // cell
    cells = [[[0.0] * BINS for _ in range(count)] for _ in range(count)]
    for y in range(side):
        for x in range(side):
            magnitude, angle = slow_gradient(pixels, y, x)
            vote(cells, y, x, magnitude * float(weight[y, x]), angle, cell)
    return [
        value
        for top in range(count - 1)
        for left in range(count - 1)
        for value in hysteresis(
            cells[top][left]
            + cells[top][left + 1]
            + cells[top + 1][left]
            + cells[top + 1][left + 1]
        )
    ]


def slow_gradient(pixels: UInt8Array, y: int, x: int) -> tuple[float, float]:
    """The first channel of the largest norm, centred differences, edges repeated."""
    last = len(pixels) - 1
    best = (-1.0, 0.0, 0.0)
    for channel in range(3):

        def at(row: int, column: int, channel: int = channel) -> float:
            value = pixels[min(max(row, 0), last), min(max(column, 0), last), channel]
            return float(np.sqrt(np.float32(value) / np.float32(255)))

        dx, dy = at(y, x + 1) - at(y, x - 1), at(y + 1, x) - at(y - 1, x)
        if dx * dx + dy * dy > best[0] + 1e-9:
            best = (dx * dx + dy * dy, dx, dy)
    return math.sqrt(best[0]), math.atan2(best[2], best[1]) % math.pi


def vote(
    cells: list[list[list[float]]], y: int, x: int, size: float, angle: float, cell: int
) -> None:
    """Divides one vote between two orientations, two rows and two columns of cells."""
    for row, row_share in two_nearest((y + 0.5) / cell - 0.5):
        for column, column_share in two_nearest((x + 0.5) / cell - 0.5):
            if 0 <= row < len(cells) and 0 <= column < len(cells):
                for orientation, share in two_nearest(angle / (math.pi / BINS) - 0.5):
                    cells[row][column][orientation % BINS] += (
                        size * share * row_share * column_share
                    )


def two_nearest(position: float) -> list[tuple[int, float]]:
    lower = math.floor(position)
    return [(lower, 1 - (position - lower)), (lower + 1, position - lower)]


def hysteresis(block: list[float]) -> list[float]:
    return unit([min(value, 0.2) for value in unit(block)])


def unit(block: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in block) + 1e-3**2)
    return [value / length for value in block]


def image(seed: int, side: int) -> UInt8Array:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)


@pytest.mark.parametrize(("side", "cell"), [(16, 8), (24, 8), (32, 8), (20, 5)])
def test_hog_is_that_of_a_plain_loop(side: int, cell: int) -> None:
    pixels = image(side, side)
    weight = np.random.default_rng(1).random((side, side), np.float32)
    np.testing.assert_allclose(hog(pixels, weight, cell), slow_hog(pixels, weight, cell), atol=2e-4)


def test_hog_of_a_smooth_image_is_that_of_a_plain_loop() -> None:
    ramp = np.linspace(20, 230, 24)
    pixels = np.stack([np.add.outer(ramp, s * ramp) / (1 + s) for s in (0, 1, 2)], axis=2)
    pixels = pixels.astype(np.uint8)
    weight = np.ones((24, 24), np.float32)
    np.testing.assert_allclose(hog(pixels, weight, 8), slow_hog(pixels, weight, 8), atol=2e-3)


def test_a_flat_image_has_no_orientation() -> None:
    assert not hog(np.full((32, 32, 3), 255, np.uint8), np.ones((32, 32), np.float32), 8).any()


def test_vertical_edges_vote_for_the_first_and_last_orientation() -> None:
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:, 16:] = 255
    orientations = hog(pixels, np.ones((32, 32), np.float32), 8).reshape(-1, BINS).sum(axis=0)
    assert orientations[0] > 0
    assert orientations[0] == pytest.approx(orientations[-1])
    assert not orientations[1:-1].any()


def test_a_pixel_of_weight_0_has_no_vote() -> None:
    left = image(3, 32)
    changed = left.copy()
    changed[:, 20:] = image(4, 32)[:, 20:]
    weight = np.zeros((32, 32), np.float32)
    weight[:, :18] = 1
    np.testing.assert_array_equal(hog(left, weight, 8), hog(changed, weight, 8))


@given(hnp.arrays(np.uint8, (16, 16, 3)))
@settings(max_examples=40)
def test_hog_is_finite_and_no_block_is_longer_than_1(pixels: UInt8Array) -> None:
    blocks = hog(pixels, np.ones((16, 16), np.float32), 4).reshape(-1, 36)
    assert np.isfinite(blocks).all()
    assert (np.linalg.norm(blocks, axis=1) <= 1 + 1e-5).all()


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_an_inverted_angle_is_the_same_orientation(seed: int) -> None:
    pixels = image(seed, 16)
    angle = gradients(pixels)[1]
    assert (angle >= 0).all() and (angle <= np.float32(np.pi)).all()
    turned = pixels[::-1, ::-1]
    np.testing.assert_allclose(gradients(turned)[0], gradients(pixels)[0][::-1, ::-1], atol=1e-6)

"""The traditional embedding: invariances and differences."""

from __future__ import annotations

import time
from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis.extra import numpy as hnp
from pydantic import ValidationError

from engine.types import BoolArray, Cutout, FloatArray, UInt8Array
from stages.context import BuildContext
from stages.embed import handcrafted
from stages.embed._colour import BINS, colour_histograms
from stages.embed._shape import SIZE, _ratios, mask_shape

MakeCutout = Callable[..., Cutout]


def built(threads: int = 1, **values: object) -> handcrafted.Handcrafted:
    options = handcrafted.Options.model_validate(values)
    return handcrafted.build(options, BuildContext(threads=threads))


def package(colour: tuple[int, int, int], side: int = 224) -> tuple[UInt8Array, FloatArray]:
    """A coloured box with a dark stripe on white, and its matte."""
    pixels = np.full((side, side, 3), 255, np.uint8)
    alpha = np.zeros((side, side), np.float32)
    top, bottom, left, right = side // 8, side * 7 // 8, side // 4, side * 3 // 4
    pixels[top:bottom, left:right] = colour
    pixels[side // 2 : side * 5 // 8, left:right] = 30
    alpha[top:bottom, left:right] = 1
    return pixels, alpha


def test_a_blank_cutout_without_matte_is_a_finite_row_of_length_1(cutout: MakeCutout) -> None:
    white = cutout(np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64), np.float32))
    for options in ({}, {"colour": 0}, {"colour": 0, "hog": 0}):
        row = built(**options).embed([white])
        assert np.isfinite(row).all()
        assert np.linalg.norm(row) == pytest.approx(1, abs=1e-5)


def test_threads_change_nothing(cutout: MakeCutout) -> None:
    random = np.random.default_rng(0)
    cutouts = [cutout(random.integers(0, 256, (40, 40, 3), np.uint8)) for _ in range(5)]
    np.testing.assert_array_equal(built(3).embed(cutouts), built(1).embed(cutouts))


def test_the_same_package_in_another_resolution_is_nearer_than_another_colour(
    cutout: MakeCutout,
) -> None:
    same, smaller, other = (
        cutout(*package((200, 40, 40))),
        cutout(*package((200, 40, 40), side=160)),
        cutout(*package((40, 160, 60))),
    )
    query, near, far = built().embed([same, smaller, other])
    assert np.linalg.norm(query - near) < 0.5 * np.linalg.norm(query - far)


def test_a_group_of_weight_0_has_no_effect(cutout: MakeCutout) -> None:
    red, green = (cutout(*package(c)) for c in ((200, 40, 40), (40, 160, 60)))
    rows = built(hog=0, colour=0).embed([red, green])
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-6)


def test_pixels_outside_the_matte_have_no_colour(cutout: MakeCutout) -> None:
    pixels, alpha = package((200, 40, 40))
    changed = np.where(alpha[..., None] > 0, pixels, np.uint8(90))
    only_colour = built(hog=0, shape=0)
    rows = only_colour.embed([cutout(pixels, alpha), cutout(changed, alpha)])
    # Not 0: resizing mixes the pixels on the border with their neighbours.
    assert np.linalg.norm(rows[0] - rows[1]) < 0.2


@pytest.mark.parametrize(
    "values",
    [{"side": 100, "cell": 16}, {"side": 16, "cell": 16}, {"hog": 0, "colour": 0, "shape": 0}],
)
def test_options_that_do_not_fit_are_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValidationError, match="must"):
        built(**values)


def test_a_cutout_takes_a_few_milliseconds(cutout: MakeCutout) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), np.uint8)
    cutouts, embedder = [cutout(noise)], built()
    best = min(_seconds(embedder, cutouts) for _ in range(10))
    assert best < 0.05  # 4 ms of processor time measured


def _seconds(embedder: handcrafted.Handcrafted, cutouts: list[Cutout]) -> float:
    start = time.process_time()
    embedder.embed(cutouts)
    return time.process_time() - start


def slow_colours(pixels: UInt8Array, weight: FloatArray, bands: int) -> list[float]:
    counts = [0.0] * (bands * BINS)
    side = len(pixels)
    for y in range(side):
        for x in range(side):
            rgb = pixels[y : y + 1, x : x + 1].astype(np.float32) / np.float32(255)
            lightness, a, b = cv2.cvtColor(rgb, cv2.COLOR_RGB2Lab)[0, 0].tolist()
            spots = (
                (min(max(lightness / 100, 0), 1) * 2, 3),
                (min(max(a / 120 + 0.5, 0), 1) * 6, 7),
                (min(max(b / 120 + 0.5, 0), 1) * 6, 7),
            )
            for i in range(3):
                for j in range(7):
                    for k in range(7):
                        share = 1.0
                        for (spot, _), bin_ in zip(spots, (i, j, k), strict=True):
                            share *= max(0.0, 1 - abs(spot - bin_))
                        index = (y * bands // side) * BINS + (i * 7 + j) * 7 + k
                        counts[index] += share * float(weight[y, x])
    total = sum(counts)
    return [(count / total) ** 0.5 for count in counts]


def test_the_colour_histogram_is_that_of_a_plain_loop() -> None:
    random = np.random.default_rng(5)
    pixels = random.integers(0, 256, (9, 9, 3), np.uint8)
    pixels[0, :4] = [[255, 255, 255], [0, 0, 0], [255, 0, 0], [0, 0, 255]]
    weight = random.random((9, 9), np.float32)
    np.testing.assert_allclose(
        colour_histograms(pixels, weight, 3), slow_colours(pixels, weight, 3), atol=2e-3
    )


def test_shape_does_not_depend_on_position_and_is_zeros_for_an_empty_matte() -> None:
    alpha = package((0, 0, 0))[1]
    moved = np.roll(alpha, (11, -7), axis=(0, 1))
    np.testing.assert_array_equal(mask_shape(alpha), mask_shape(moved))
    assert not mask_shape(np.zeros((8, 8), np.float32)).any()


def test_shape_of_one_pixel_or_one_line_is_finite() -> None:
    for rows, columns in ((1, 1), (1, 9), (9, 1)):
        alpha = np.zeros((12, 12), np.float32)
        alpha[2 : 2 + rows, 1 : 1 + columns] = 1
        shape = mask_shape(alpha)
        assert shape.shape == (SIZE,)
        assert np.isfinite(shape).all()


def test_a_box_fills_its_hull_and_an_l_does_not() -> None:
    square = np.ones((32, 32), np.float32)
    corner = square.copy()
    corner[:24, 8:] = 0
    assert mask_shape(square)[-1] == pytest.approx(1)
    assert mask_shape(corner)[-1] < 0.75


@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_the_hull_of_a_mask_is_that_of_all_its_pixels(box: BoolArray) -> None:
    rows, columns = np.flatnonzero(box.any(axis=1)), np.flatnonzero(box.any(axis=0))
    assume(len(rows))
    box = box[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    hull = cv2.convexHull(np.argwhere(box)[:, ::-1].astype(np.int32))
    area = cv2.contourArea(hull) + cv2.arcLength(hull, True) / 2 + 1
    assert _ratios(box)[2] == np.float32(min(1.0, box.sum() / area))

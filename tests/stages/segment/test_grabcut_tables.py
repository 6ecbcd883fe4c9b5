"""GrabCut on what phones see: a product on a table, before a wall, or nothing at all."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from engine.images import load
from engine.quality import assess
from engine.types import Matte, RGBImage
from offline.datasets import open_dataset, packbench
from stages.context import BuildContext
from stages.segment import grabcut

SIDE = 320


def matte_of(pixels: np.ndarray) -> Matte:
    image = RGBImage(pixels.clip(0, 255).astype(np.uint8))
    return grabcut.build(grabcut.Options(), BuildContext()).segment([image])[0]


def overlap(matte: Matte, truth: np.ndarray) -> float:
    mask = matte.alpha >= 0.5
    return float((mask & truth).sum() / (mask | truth).sum())


def table(horizon: float = 0.35, grain: float = 4.0) -> np.ndarray:
    """A grey wall above a brown table with grain along its boards."""
    random = np.random.default_rng(3)
    streaks = cv2.GaussianBlur(random.normal(0, 1, (SIDE, SIDE)), (0, 0), sigmaX=20, sigmaY=1.0)
    image = np.empty((SIDE, SIDE, 3))
    image[:] = (140, 104, 74)
    image += (streaks / streaks.std() * grain)[:, :, None]
    image[: round(horizon * SIDE)] = (128, 134, 138)
    return image + random.normal(0, 2, image.shape)


def bottle() -> np.ndarray:
    """From the wall's part of the image down to the table's."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE] / SIDE
    return (np.abs(columns - 0.5) < 0.14) & (rows > 0.2) & (rows < 0.8)


@pytest.mark.parametrize("colour", [(40, 60, 160), (235, 235, 230), (25, 25, 30), (150, 190, 160)])
@pytest.mark.parametrize("horizon", [0.0, 0.1, 0.4])
def test_a_product_on_a_table_is_found_before_any_wall(
    colour: tuple[int, ...], horizon: float
) -> None:
    image = table(horizon)
    image[bottle()] = colour
    matte = matte_of(image)
    assert overlap(matte, bottle()) > 0.95
    assert assess(matte).flags == ()


def test_a_smooth_wall_and_a_smooth_table_are_both_background() -> None:
    image = table(grain=0.0)
    image[: SIDE // 3], image[SIDE // 3 :] = (190, 195, 200), (90, 92, 96)
    image[bottle()] = (180, 40, 50)
    assert overlap(matte_of(image), bottle()) > 0.95


def test_a_vein_in_the_stone_is_not_product() -> None:
    image = table(0.0, grain=1.0)
    cv2.line(image, (0, 40), (SIDE, 290), (122, 88, 60), 3)
    image[bottle()] = (40, 60, 160)
    assert overlap(matte_of(image), bottle()) > 0.93


def test_two_pieces_side_by_side_both_stay() -> None:
    image, truth = table(), np.zeros((SIDE, SIDE), bool)
    truth[100:240, 60:130] = truth[170:240, 190:250] = True
    image[truth] = (40, 60, 160)
    assert overlap(matte_of(image), truth) > 0.93


@pytest.mark.parametrize("grain", [3.0, 6.0])
def test_an_empty_table_gives_an_empty_matte(grain: float) -> None:
    assert assess(matte_of(table(0.0, grain))).empty


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31), st.sampled_from([1, 4, 60]))
def test_any_small_image_gets_a_matte_and_always_the_same(
    height: int, width: int, seed: int, spread: int
) -> None:
    random = np.random.default_rng(seed)
    image = random.normal(128, spread, (height, width, 3))
    image[height // 3 : height - height // 3, width // 3 : width - width // 3] += 40
    first, second = matte_of(image), matte_of(image)
    assert first.alpha.shape == (height, width)
    np.testing.assert_array_equal(first.alpha, second.alpha)


# Measured on the shipped Packbench: 0.92 in the studio; 0.61 on a table among hands and clutter.
@pytest.mark.parametrize(("split", "least"), [("test", 0.88), ("queries", 0.5)])
def test_on_packbench_the_median_mask_agrees_with_the_truth(split: str, least: float) -> None:
    images = open_dataset(packbench.shipped()).images(split)
    segmenter = grabcut.build(grabcut.Options(), BuildContext(threads=2))
    mattes = segmenter.segment([load(image.path) for image in images])
    overlaps = []
    for image, matte in zip(images, mattes, strict=True):
        assert image.mask is not None
        with Image.open(image.mask) as truth:
            overlaps.append(overlap(matte, np.asarray(truth) > 127))
    assert np.median(overlaps) > least

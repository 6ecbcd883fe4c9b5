"""What sets the cutters apart: frame, margin, background and colour."""

from __future__ import annotations

import numpy as np
import pytest

from engine.types import Cutout, Matte, RGBImage
from stages.context import BuildContext
from stages.cutout import colour_on_white, crop, grey_on_white, whole

BLUE, RED = (0, 0, 200), (200, 0, 0)
CONTEXT = BuildContext()


def scene() -> tuple[list[RGBImage], list[Matte]]:
    """A red product of 40 x 80 at (100, 60) in a blue image of 300 x 200."""
    pixels = np.full((200, 300, 3), BLUE, np.uint8)
    alpha = np.zeros((200, 300), np.float32)
    pixels[60:140, 100:140] = RED
    alpha[60:140, 100:140] = 1.0
    return [RGBImage(pixels)], [Matte(alpha)]


def one(cutter: object) -> Cutout:
    (cutout,) = cutter.cut(*scene())  # type: ignore[attr-defined]
    return cutout


def test_crop_takes_the_box_with_its_margin_and_keeps_the_background() -> None:
    cutout = one(crop.build(crop.Options(size=96, margin=0.1), CONTEXT))
    assert cutout.box == (92, 52, 148, 148)
    assert tuple(cutout.pixels[48, 48]) == RED
    assert tuple(cutout.pixels[2, 48]) == BLUE, "the margin shows the background"
    assert tuple(cutout.pixels[48, 5]) == (255, 255, 255), "the padding is white"


def test_colour_on_white_paints_the_background_white() -> None:
    cutout = one(colour_on_white.build(colour_on_white.Options(size=96, margin=0.1), CONTEXT))
    assert tuple(cutout.pixels[48, 48]) == RED
    assert tuple(cutout.pixels[2, 48]) == (255, 255, 255)


def test_grey_on_white_is_luma_in_three_channels_in_the_images_own_frame() -> None:
    cutout = one(grey_on_white.build(grey_on_white.Options(), CONTEXT))
    assert cutout.pixels.shape == (224, 224, 3) and cutout.box == (0, 0, 300, 200)
    assert (cutout.pixels[:, :, 0] == cutout.pixels[:, :, 2]).all()
    row, column = round(100 * 224 / 300) + 37, round(120 * 224 / 300)
    assert cutout.pixels[row, column, 0] == pytest.approx(0.299 * 200, abs=1)
    assert cutout.alpha[row, column] == 1.0


def test_both_on_white_can_take_either_frame() -> None:
    for module in (grey_on_white, colour_on_white):
        boxed = one(module.build(module.Options(frame="box", margin=0.0), CONTEXT))
        framed = one(module.build(module.Options(frame="image"), CONTEXT))
        assert boxed.box == (100, 60, 140, 140) and framed.box == (0, 0, 300, 200)


def test_whole_shows_everything() -> None:
    cutout = one(whole.build(whole.Options(size=30), CONTEXT))
    assert cutout.box == (0, 0, 300, 200)
    assert tuple(cutout.pixels[15, 1]) == BLUE and tuple(cutout.pixels[2, 15]) == (255,) * 3


def test_the_aspect_is_kept_and_the_product_centred() -> None:
    cutout = one(crop.build(crop.Options(size=80, margin=0.0), CONTEXT))
    inside = cutout.alpha >= 0.5
    assert inside.any(1).sum() == 80 and inside.any(0).sum() == 40
    columns = np.flatnonzero(inside.any(0))
    assert columns[0] == 20 and columns[-1] == 59


def test_the_margin_ends_at_the_frame() -> None:
    images = [RGBImage(np.zeros((50, 50, 3), np.uint8))]
    alpha = np.zeros((50, 50), np.float32)
    alpha[:30, 40:] = 1.0
    (cutout,) = crop.build(crop.Options(margin=0.5), CONTEXT).cut(images, [Matte(alpha)])
    assert cutout.box == (25, 0, 50, 45)


def test_a_half_transparent_edge_is_blended_with_white() -> None:
    images = [RGBImage(np.zeros((64, 64, 3), np.uint8))]
    mattes = [Matte(np.full((64, 64), 0.6, np.float32))]
    cutter = colour_on_white.build(colour_on_white.Options(size=64), CONTEXT)
    (cutout,) = cutter.cut(images, mattes)
    assert (cutout.pixels == 102).all()


def test_shrinking_averages_and_does_not_skip() -> None:
    stripes = np.zeros((640, 640, 3), np.uint8)
    stripes[:, ::2] = 255
    images, mattes = [RGBImage(stripes)], [Matte(np.ones((640, 640), np.float32))]
    (cutout,) = whole.build(whole.Options(size=64), CONTEXT).cut(images, mattes)
    assert np.abs(cutout.pixels.astype(int) - 127).max() <= 2

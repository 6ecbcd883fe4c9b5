"""What every cutter promises, for each stage file found in stages/cutout."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from engine.protocols import Cutter
from engine.types import Matte, RGBImage
from stages.context import BuildContext

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "cutout"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
SHAPES = [(120, 90), (64, 64), (1, 1), (1, 500), (500, 1), (2, 3), (700, 33)]


@pytest.fixture(params=NAMES)
def module(request: pytest.FixtureRequest):
    return importlib.import_module(f"stages.cutout.{request.param}")


@pytest.fixture
def cutter(module) -> Cutter:
    return module.build(module.Options(size=64), BuildContext())


def pair(height: int, width: int, seed: int = 0) -> tuple[RGBImage, Matte]:
    """Noise with a box of product in it."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (height, width, 3), np.uint8)
    alpha = np.zeros((height, width), np.float32)
    alpha[height // 4 : height * 3 // 4 + 1, width // 3 : width * 2 // 3 + 1] = 1.0
    return RGBImage(pixels), Matte(alpha)


def test_it_is_a_cutter(cutter: Cutter) -> None:
    assert isinstance(cutter, Cutter)


def test_no_images_give_no_cutouts(cutter: Cutter) -> None:
    assert cutter.cut([], []) == []


def test_the_default_size_is_224(module) -> None:
    (cutout,) = module.build(module.Options(), BuildContext()).cut(*zip(pair(90, 60), strict=True))
    assert cutout.pixels.shape == (224, 224, 3)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [None, 0.0, 0.3, 1.0])
def test_every_cutout_is_square_and_its_box_lies_in_the_image(
    cutter: Cutter, shape: tuple[int, int], level: float | None
) -> None:
    image, matte = pair(*shape)
    if level is not None:
        matte = Matte(np.full(shape, level, np.float32))
    (cutout,) = cutter.cut([image], [matte])
    assert cutout.pixels.shape == (64, 64, 3) and cutout.alpha.shape == (64, 64)
    assert cutout.alpha.min() >= 0.0 and cutout.alpha.max() <= 1.0
    x1, y1, x2, y2 = cutout.box
    assert 0 <= x1 < x2 <= image.width and 0 <= y1 < y2 <= image.height


def test_an_empty_matte_cuts_the_whole_image(cutter: Cutter) -> None:
    image = RGBImage(np.full((40, 80, 3), 90, np.uint8))
    (cutout,) = cutter.cut([image], [Matte(np.zeros((40, 80), np.float32))])
    assert cutout.box == (0, 0, 80, 40)
    assert (cutout.pixels[17:47] == 90).all(), "the image stays visible"
    assert (cutout.pixels[:15] == 255).all() and (cutout.pixels[49:] == 255).all()
    assert cutout.alpha.max() == 0.0


def test_the_order_is_kept_and_the_batch_changes_nothing(cutter: Cutter) -> None:
    images, mattes = zip(*[pair(50 + 9 * seed, 70, seed) for seed in range(5)], strict=True)
    together = cutter.cut(images, mattes)
    for image, matte, cutout in zip(images, mattes, together, strict=True):
        (alone,) = cutter.cut([image], [matte])
        np.testing.assert_array_equal(alone.pixels, cutout.pixels)
        np.testing.assert_array_equal(alone.alpha, cutout.alpha)
        assert alone.box == cutout.box


def test_black_and_white_images_are_survived(cutter: Cutter) -> None:
    for value in (0, 255):
        image = RGBImage(np.full((30, 20, 3), value, np.uint8))
        (cutout,) = cutter.cut([image], [Matte(np.ones((30, 20), np.float32))])
        assert (cutout.pixels[32, 32] == value).all()


def test_a_matte_of_another_image_is_refused(cutter: Cutter) -> None:
    image, _ = pair(30, 20)
    with pytest.raises(ValueError, match="does not fit"):
        cutter.cut([image], [Matte(np.ones((20, 30), np.float32))])
    with pytest.raises(ValueError):
        cutter.cut([image], [])


def test_the_inputs_are_left_as_they_were(cutter: Cutter) -> None:
    image, matte = pair(60, 50)
    pixels, alpha = image.pixels.copy(), matte.alpha.copy()
    cutter.cut([image], [matte])
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(matte.alpha, alpha)

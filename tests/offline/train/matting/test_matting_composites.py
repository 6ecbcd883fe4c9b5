"""Products before other backgrounds: exact where it can be exact, and repeatable."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.errors import ConfigError
from engine.types import FloatArray
from offline.datasets import DatasetImage
from offline.train.backgrounds import background_files, drawn_background
from offline.train.matting.composites import (
    SIDE,
    Product,
    composite,
    make_composites,
    take_apart,
)
from tests.offline.train.matting.matting_data import images


@pytest.fixture
def studio(tmp_path: Path) -> DatasetImage:
    """A half transparent square on a background of one colour, composed by the formula."""
    alpha = np.zeros((40, 40), np.float32)
    alpha[10:30, 10:30] = 1.0
    alpha[9, 10:30] = 0.5
    through = np.zeros((40, 40, 3), np.float32)
    through[20:30, 10:30] = 0.6
    background = np.array([200, 180, 160], np.float32)
    light = np.zeros((40, 40, 3), np.float32)
    light[9:30, 10:30] = 40.0
    pixels = light + (1 - alpha[..., None] + through) * background
    Image.fromarray(np.rint(pixels).astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.rint(alpha * 255).astype(np.uint8)).save(tmp_path / "matte.png")
    Image.fromarray(np.rint(through * 255).astype(np.uint8)).save(tmp_path / "through.png")
    return DatasetImage(
        "a",
        tmp_path / "a.png",
        mask=tmp_path / "matte.png",
        transmission=tmp_path / "through.png",
    )


def test_a_studio_image_comes_apart_into_light_and_ground(studio: DatasetImage) -> None:
    product = take_apart(studio)
    np.testing.assert_allclose(product.light[15, 15] * 255, 40.0, atol=1.0)
    np.testing.assert_allclose(product.light[25, 15] * 255, 40.0, atol=1.5)
    np.testing.assert_allclose(product.background[25, 15], 0.6, atol=0.01)
    np.testing.assert_allclose(product.background[0, 0], 1.0)
    assert not product.light[0].any()


def test_a_shadow_on_the_background_is_kept_as_a_share(
    tmp_path: Path, studio: DatasetImage
) -> None:
    pixels = np.asarray(Image.open(studio.path)).copy()
    pixels[35:, 5:15] = pixels[35:, 5:15] // 2
    Image.fromarray(pixels).save(studio.path)
    shade = take_apart(studio).shade
    np.testing.assert_allclose(shade[37, 10], 0.5, atol=0.01)
    np.testing.assert_allclose(shade[37, 30], 1.0, atol=0.01)


def test_the_new_background_shows_where_the_product_is_not() -> None:
    shape = (30, 30)
    alpha: FloatArray = np.zeros(shape, np.float32)
    alpha[10:20, 10:20] = 1.0
    product = Product(
        light=np.repeat((alpha * 0.3)[..., None], 3, 2),
        background=np.repeat(1 - alpha[..., None], 3, 2),
        shade=np.ones((*shape, 3), np.float32),
        alpha=alpha,
    )
    background = np.full((64, 64, 3), 250, np.uint8)
    pixels, matte = composite(product, background, np.random.default_rng(0))
    assert pixels.shape == (64, 64, 3) and matte.shape == (64, 64)
    assert pixels[matte == 0].mean() == pytest.approx(250, abs=3)
    assert pixels[matte == 1].mean() < 130
    assert (matte == 1).sum() > 20


def test_composites_are_the_same_however_they_were_interrupted(tmp_path: Path) -> None:
    chosen = images("train", 3)
    at_once = make_composites(chosen, tmp_path / "a", 4, seed=7)
    make_composites(chosen, tmp_path / "b", 2, seed=7)
    resumed = make_composites(chosen, tmp_path / "b", 4, seed=7)
    other = make_composites(chosen, tmp_path / "c", 4, seed=8)
    for one, two in zip(at_once, resumed, strict=True):
        assert [path.read_bytes() for path in one] == [path.read_bytes() for path in two]
    assert at_once[0][0].read_bytes() != other[0][0].read_bytes()
    with Image.open(at_once[0][0]) as image, Image.open(at_once[0][1]) as matte:
        assert image.size == matte.size == (SIDE, SIDE) and matte.mode == "L"


def test_photos_serve_as_backgrounds(tmp_path: Path) -> None:
    photo = tmp_path / "grounds" / "green.png"
    photo.parent.mkdir()
    Image.new("RGB", (50, 70), (0, 255, 0)).save(photo)
    files = background_files(photo.parent)
    assert files == [photo]
    pairs = make_composites(images("train", 2), tmp_path / "out", 8, seed=0, backgrounds=files)
    greens = [np.asarray(Image.open(path))[..., 1].astype(int) for path, _ in pairs]
    assert sum(np.median(green) > 200 for green in greens) >= 4


def test_a_folder_without_photos_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no images"):
        background_files(tmp_path)


def test_drawn_backgrounds_differ() -> None:
    random = np.random.default_rng(0)
    one, two = drawn_background(32, random), drawn_background(32, random)
    assert one.shape == (32, 32, 3) and one.dtype == np.uint8 and (one != two).any()

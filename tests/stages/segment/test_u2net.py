"""The U²-Net stage: its input, its stretching, and the real weights where they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from engine.images import load
from engine.quality import assess
from engine.types import RGBImage
from stages.context import BuildContext
from stages.segment import u2net
from stages.segment._saliency import SaliencyNetwork, network_input, stretched

SHARED = Path(__file__).resolve().parents[4] / "shared"
WEIGHTS = SHARED / "weights" / "u2netp.onnx"
ICONIC = SHARED / "data" / "grocerystore" / "iconic-images-and-descriptions" / "Packages"


def test_the_input_is_divided_by_the_images_own_maximum() -> None:
    dim = np.full((10, 20, 3), 100, np.uint8)
    bright = np.full((10, 20, 3), 250, np.uint8)
    one, other = (network_input(pixels, u2net.FAMILY_INPUT) for pixels in (dim, bright))
    assert one.shape == (3, 320, 320) and one.dtype == np.float32
    np.testing.assert_allclose(one, other)
    np.testing.assert_allclose(
        one[:, 0, 0], [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225], rtol=1e-5
    )


def test_a_black_image_divides_by_nothing() -> None:
    black = network_input(np.zeros((5, 5, 3), np.uint8), u2net.FAMILY_INPUT)
    np.testing.assert_allclose(
        black[:, 0, 0], [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225], rtol=1e-5
    )


def test_the_channels_are_in_rgb_order() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[:, :, 0] = 200
    planes = network_input(red, u2net.FAMILY_INPUT)
    assert planes[0].min() > 2.0 and planes[1:].max() < 0.0


def test_only_a_likely_prediction_is_stretched() -> None:
    likely = np.array([[0.1, 0.35, 0.6]], np.float32)
    np.testing.assert_allclose(stretched(likely), [[0.0, 0.5, 1.0]], atol=1e-6)
    noise = np.array([[0.001, 0.002, 0.003]], np.float32)
    np.testing.assert_array_equal(stretched(noise), noise)
    even = np.full((2, 2), 0.7, np.float32)
    np.testing.assert_array_equal(stretched(even), even)


def test_the_batch_size_is_no_part_of_what_is_described() -> None:
    assert "batch" not in u2net.Options(batch=9).model_dump()


def test_missing_weights_are_a_weights_error(tmp_path: Path) -> None:
    with pytest.raises(WeightsError):
        u2net.build(u2net.Options(weights=str(tmp_path / "gone.onnx")), BuildContext())


@pytest.fixture(scope="module")
def real() -> SaliencyNetwork:
    if not WEIGHTS.is_file():
        pytest.skip(f"needs the real weights in {WEIGHTS}")
    return u2net.build(u2net.Options(weights=str(WEIGHTS)), BuildContext(threads=2))


def test_the_real_weights_find_a_carton(real: SaliencyNetwork) -> None:
    photo = ICONIC / "Milk" / "Arla-Standard-Milk" / "Arla-Standard-Milk_Iconic.jpg"
    if not photo.is_file():
        pytest.skip(f"needs the photo {photo}")
    (matte,) = real.segment([load(photo)])
    mask = matte.alpha >= 0.5
    assert 0.15 < mask.mean() < 0.6
    assert mask[60:140, 80:120].mean() > 0.95 and mask[:, :20].mean() < 0.02


@pytest.mark.parametrize("value", [0, 128, 255])
def test_the_real_weights_find_nothing_in_an_empty_image(real: SaliencyNetwork, value: int) -> None:
    (matte,) = real.segment([RGBImage(np.full((200, 150, 3), value, np.uint8))])
    assert assess(matte).empty


def test_the_real_weights_do_not_mind_the_batch(real: SaliencyNetwork) -> None:
    random = np.random.default_rng(0)
    images = [RGBImage(random.integers(0, 256, (60, 40 + i, 3), np.uint8)) for i in range(5)]
    for one, other in zip(
        real.segment(images), map(real.segment, [[i] for i in images]), strict=True
    ):
        np.testing.assert_allclose(one.alpha, other[0].alpha, atol=1e-3)

"""What every matting promises, for each stage file found in stages/matting."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from engine.protocols import Matting
from engine.types import FloatArray, Matte, RGBImage
from stages.context import BuildContext

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "matting"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))
SHAPES = [(120, 90), (64, 64), (1, 1), (1, 500), (500, 1), (2, 3), (700, 33)]
Plane = npt.NDArray[np.float64]


class FakePymatting(ModuleType):
    """The part of pymatting that the stage calls; unknown pixels become the darkness there."""

    def ichol(self, matrix: Any) -> Any:
        raise AssertionError("only the real solver factorises")

    def estimate_alpha_cf(self, image: Plane, trimap: Plane, *, preconditioner: Any) -> Plane:
        assert (trimap == 0.0).any() and (trimap == 1.0).any()
        unknown = (trimap > 0.0) & (trimap < 1.0)
        return np.where(unknown, 1.0 - image.mean(axis=2), trimap)


@pytest.fixture(scope="module", params=NAMES)
def matting(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    name = str(request.param)
    module = importlib.import_module(f"stages.matting.{name}")
    options = {}
    with pytest.MonkeyPatch.context() as patch:
        if "weights" in module.Options.model_fields:
            pytest.importorskip("onnx")
            path = tmp_path_factory.mktemp("weights") / "brightness.onnx"
            brightness_model(path)
            options["weights"] = str(path)
        if name == "closed_form":
            patch.setitem(sys.modules, "pymatting", FakePymatting("pymatting"))
        yield module.build(module.Options(**options), BuildContext(threads=2))


def brightness_model(path: Path) -> None:
    """The saliency less a little of the image; lies outside [0, 1] in places."""
    from tests.stages.matting.matting_graphs import mixing_model

    kernel = np.zeros((1, 12, 1, 1), np.float32)
    kernel[0, :3] = -0.1
    kernel[0, 11] = 1.0
    mixing_model(path, kernel)


def scene(height: int, width: int, seed: int = 0) -> tuple[RGBImage, Matte]:
    """A dark disc on a noisy light background, with a matte that is soft and a little off."""
    random = np.random.default_rng(seed)
    rows, columns = np.mgrid[0:height, 0:width]
    reach = min(height, width) * 0.3
    distance = np.hypot(rows - height / 2, columns - width / 2)
    pixels = random.normal(210, 4, (height, width, 3))
    pixels[distance < reach] = random.integers(0, 120, 3)
    alpha = np.clip((reach - distance + 1.5 + seed % 3) / 3.0, 0.0, 1.0)
    image = RGBImage(pixels.clip(0, 255).astype(np.uint8), uri=f"{seed}.png")
    return image, Matte(alpha.astype(np.float32))


def scenes(count: int) -> tuple[list[RGBImage], list[Matte]]:
    pairs = [scene(80 + 7 * seed, 100 - 5 * seed, seed) for seed in range(count)]
    return [image for image, _ in pairs], [matte for _, matte in pairs]


def test_it_is_a_matting(matting: Matting) -> None:
    assert isinstance(matting, Matting)


def test_no_images_give_no_mattes(matting: Matting) -> None:
    assert matting.refine([], []) == []


@pytest.mark.parametrize("shape", SHAPES)
def test_every_matte_has_its_images_shape_and_lies_in_range(
    matting: Matting, shape: tuple[int, int]
) -> None:
    image, matte = scene(*shape)
    (found,) = matting.refine([image], [matte])
    assert found.alpha.shape == shape and found.alpha.dtype == np.float32
    assert found.alpha.min() >= 0.0 and found.alpha.max() <= 1.0


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_matte_of_one_level_is_survived_and_an_empty_one_stays_empty(
    matting: Matting, shape: tuple[int, int], level: float
) -> None:
    image, _ = scene(*shape)
    (found,) = matting.refine([image], [Matte(np.full(shape, level, np.float32))])
    assert found.alpha.shape == shape and np.isfinite(found.alpha).all()
    if level == 0.0:
        assert not found.alpha.any()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_matte_that_is_unsure_everywhere_is_survived(
    matting: Matting, shape: tuple[int, int]
) -> None:
    image, _ = scene(*shape)
    noise: FloatArray = np.random.default_rng(1).random(shape, dtype=np.float32)
    (found,) = matting.refine([image], [Matte(noise)])
    assert found.alpha.shape == shape and np.isfinite(found.alpha).all()


def test_a_huge_image_is_matted_at_a_bounded_size(matting: Matting) -> None:
    image, matte = scene(1500, 1100)
    (found,) = matting.refine([image], [matte])
    assert found.alpha.shape == (1500, 1100)
    assert found.alpha[750, 550] > 0.9 and found.alpha[5, 5] == 0.0


def test_the_order_is_kept_and_the_batch_changes_nothing(matting: Matting) -> None:
    images, mattes = scenes(5)
    together = matting.refine(images, mattes)
    backwards = matting.refine(images[::-1], mattes[::-1])[::-1]
    alone = [
        matting.refine([image], [matte])[0] for image, matte in zip(images, mattes, strict=True)
    ]
    for one, two, three in zip(together, backwards, alone, strict=True):
        np.testing.assert_array_equal(one.alpha, two.alpha)
        np.testing.assert_array_equal(one.alpha, three.alpha)


def test_images_and_mattes_are_left_as_they_were(matting: Matting) -> None:
    image, matte = scene(60, 50)
    pixels, alpha = image.pixels.copy(), matte.alpha.copy()
    matting.refine([image], [matte])
    np.testing.assert_array_equal(image.pixels, pixels)
    np.testing.assert_array_equal(matte.alpha, alpha)

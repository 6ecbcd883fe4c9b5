"""What every segmenter promises, for each stage file found in stages/segment."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

from engine.protocols import Segmenter
from engine.types import RGBImage
from stages.context import BuildContext
from tests.stages.segment.stand_ins import MODELS, PACKAGES, saliency_model

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "segment"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def photo(height: int, width: int, seed: int = 0) -> RGBImage:
    """A coloured disc on a noisy grey background."""
    random = np.random.default_rng(seed)
    pixels = random.normal(200, 3, (height, width, 3))
    rows, columns = np.mgrid[0:height, 0:width]
    inside = np.hypot(rows - height / 2, columns - width / 2) < min(height, width) * 0.3
    pixels[inside] = random.integers(0, 150, 3)
    return RGBImage(pixels.clip(0, 255).astype(np.uint8), uri=f"{seed}.png")


def flat(height: int, width: int, value: int) -> RGBImage:
    return RGBImage(np.full((height, width, 3), value, np.uint8))


@pytest.fixture(scope="module", params=NAMES)
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    name = str(request.param)
    module = importlib.import_module(f"stages.segment.{name}")
    options = {}
    if "weights" in module.Options.model_fields:
        pytest.importorskip("onnx")
        path = tmp_path_factory.mktemp("weights") / "model.onnx"
        MODELS.get(name, saliency_model)(path)
        options["weights"] = str(path)
    with pytest.MonkeyPatch.context() as patch:
        if name in PACKAGES:
            patch.setitem(sys.modules, name, PACKAGES[name])
        yield module.build(module.Options(**options), BuildContext(threads=2))


SHAPES = [(120, 90), (64, 64), (1, 1), (1, 500), (500, 1), (2, 3), (700, 33)]


def test_it_is_a_segmenter(segmenter: Segmenter) -> None:
    assert isinstance(segmenter, Segmenter)


def test_no_images_give_no_mattes(segmenter: Segmenter) -> None:
    assert segmenter.segment([]) == []


def test_every_matte_has_its_images_shape_and_lies_in_range(segmenter: Segmenter) -> None:
    images = [photo(height, width) for height, width in SHAPES]
    mattes = segmenter.segment(images)
    assert [matte.alpha.shape for matte in mattes] == SHAPES
    for matte in mattes:
        assert matte.alpha.dtype == np.float32
        assert matte.alpha.min() >= 0.0 and matte.alpha.max() <= 1.0


@pytest.mark.parametrize("value", [0, 128, 255])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_image_of_one_colour_is_survived(
    segmenter: Segmenter, shape: tuple[int, int], value: int
) -> None:
    (matte,) = segmenter.segment([flat(*shape, value)])
    assert matte.alpha.shape == shape and np.isfinite(matte.alpha).all()


def test_the_order_is_kept_and_the_batch_changes_nothing(segmenter: Segmenter) -> None:
    images = [photo(80 + 7 * seed, 100 - 5 * seed, seed) for seed in range(6)]
    together = segmenter.segment(images)
    backwards = segmenter.segment(images[::-1])[::-1]
    alone = [segmenter.segment([image])[0] for image in images]
    for one, two, three in zip(together, backwards, alone, strict=True):
        np.testing.assert_allclose(one.alpha, two.alpha, atol=1e-5)
        np.testing.assert_allclose(one.alpha, three.alpha, atol=1e-5)


def test_the_images_are_left_as_they_were(segmenter: Segmenter) -> None:
    image = photo(60, 50)
    before = image.pixels.copy()
    segmenter.segment([image])
    np.testing.assert_array_equal(image.pixels, before)

"""What every segmenter promises, for each stage file found in stages/segment."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from engine.protocols import Segmenter
from engine.types import RGBImage
from stages.context import BuildContext

FOLDER = Path(__file__).resolve().parents[2] / "stages" / "segment"
NAMES = sorted(path.stem for path in FOLDER.glob("*.py") if not path.stem.startswith("_"))


def photo(height: int, width: int, seed: int = 0) -> RGBImage:
    """A coloured disc on a noisy grey ground."""
    random = np.random.default_rng(seed)
    pixels = random.normal(200, 3, (height, width, 3))
    rows, columns = np.mgrid[0:height, 0:width]
    inside = np.hypot(rows - height / 2, columns - width / 2) < min(height, width) * 0.3
    pixels[inside] = random.integers(0, 150, 3)
    return RGBImage(pixels.clip(0, 255).astype(np.uint8), uri=f"{seed}.png")


def flat(height: int, width: int, value: int) -> RGBImage:
    return RGBImage(np.full((height, width, 3), value, np.uint8))


class FakeRembg(ModuleType):
    """The part of rembg that the adapter calls; its mask is the darkness of the picture."""

    def new_session(self, model: str, *, providers: Sequence[str]) -> FakeRembg:
        return self

    def predict(self, img: Image.Image) -> list[Image.Image]:
        return [Image.eval(img.convert("L"), lambda value: 255 - value)]


@pytest.fixture(scope="module", params=NAMES)
def segmenter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    name = str(request.param)
    module = importlib.import_module(f"stages.segment.{name}")
    options = {}
    with pytest.MonkeyPatch.context() as patch:
        if "weights" in module.Options.model_fields:
            pytest.importorskip("onnx")
            path = tmp_path_factory.mktemp("weights") / "model.onnx"
            if name == "box":
                from tests.stages.segment.ssd_graphs import LARGE, fixed_boxes_model

                fixed_boxes_model(path, {LARGE: (44, 20.0)})
            else:
                from tests.stages.segment.saliency_graphs import write_spec

                darkness_model(path)
                write_spec(path, 320, 320)
            options["weights"] = str(path)
        if name == "rembg":
            patch.setitem(sys.modules, "rembg", FakeRembg("rembg"))
        yield module.build(module.Options(**options), BuildContext(threads=2))


def darkness_model(path: Path) -> None:
    """(N, 3, 320, 320) -> (N, 1, 320, 320): high where the input is dark, like a saliency."""
    from onnx import TensorProto, checker, helper, numpy_helper, save

    shape = ["n", 3, 320, 320]
    weight = numpy_helper.from_array(np.full((1, 3, 1, 1), -1.0, np.float32), "w")
    nodes = [
        helper.make_node("Conv", ["input", "w"], ["c"]),
        helper.make_node("Sigmoid", ["c"], ["saliency"]),
    ]
    graph = helper.make_graph(
        nodes,
        "darkness",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("saliency", TensorProto.FLOAT, ["n", 1, 320, 320])],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    checker.check_model(model)
    save(model, str(path))


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
def test_a_picture_of_one_colour_is_survived(
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

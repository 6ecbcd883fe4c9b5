"""Any saliency network through one stage: its sizes, layouts, outputs and activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, WeightsError
from engine.types import FloatArray, RGBImage
from stages.context import BuildContext
from stages.segment import _saliency, saliency, u2net
from tests.stages.segment.saliency_graphs import brightness_model, write_spec
from weights.output_spec import OutputSpec

TensorProto = pytest.importorskip("onnx").TensorProto


def steps(height: int, width: int) -> RGBImage:
    """Black, dark grey, light grey and white, in four columns."""
    levels = np.repeat(np.array([0, 85, 170, 255], np.uint8), width // 4)
    return RGBImage(np.broadcast_to(levels[None, :, None], (height, width, 3)).copy())


def levels_found(model: Path, image: RGBImage) -> FloatArray:
    """The matte in the middle of each of the four columns."""
    segmenter = saliency.build(saliency.Options(weights=str(model)), BuildContext())
    (matte,) = segmenter.segment([image])
    assert matte.alpha.shape == (image.height, image.width)
    middles = image.width // 8 * np.array([1, 3, 5, 7])
    return matte.alpha[image.height // 2, middles]


def test_a_map_is_taken_as_it_is_or_stretched(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "a.onnx", gain=0.5, offset=0.25)
    for stretch, expected in (
        ("false", [0.25, 0.4167, 0.5833, 0.75]),
        ("true", [0, 1 / 3, 2 / 3, 1]),
    ):
        write_spec(model, 32, 32, output=f"stretch = {stretch}")
        np.testing.assert_allclose(levels_found(model, steps(40, 80)), expected, atol=1e-3)


def test_logits_pass_through_the_sigmoid(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "a.onnx", gain=12.0, offset=-6.0)
    write_spec(model, 32, 32, output="activation = 'sigmoid'\nstretch = false")
    expected = 1 / (1 + np.exp([6.0, 2.0, -2.0, -6.0]))
    np.testing.assert_allclose(levels_found(model, steps(40, 80)), expected, atol=1e-3)


@pytest.mark.parametrize("index", [2, -1])
def test_the_map_is_the_output_that_the_spec_names(tmp_path: Path, index: int) -> None:
    model = brightness_model(tmp_path / "a.onnx", decoys=2)
    write_spec(model, 32, 32, output=f"index = {index}")
    np.testing.assert_allclose(levels_found(model, steps(40, 80))[[0, -1]], [0, 1], atol=1e-3)
    write_spec(model, 32, 32, output="index = 0")
    assert not levels_found(model, steps(40, 80)).any()


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
@pytest.mark.parametrize("size", [(48, 96), (1024, 1024)])
def test_layouts_and_sizes_are_those_of_the_spec(
    tmp_path: Path, layout: str, size: tuple[int, int]
) -> None:
    model = brightness_model(tmp_path / "a.onnx", side=size, layout=layout, batch=1)
    write_spec(model, *size, layout=layout)
    found = levels_found(model, steps(70, 120))
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1], atol=2e-3)


def test_half_precision_is_spoken_at_the_door(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "a.onnx", number=TensorProto.FLOAT16)
    write_spec(model, 32, 32)
    found = levels_found(model, steps(40, 80))
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1], atol=2e-3)


def test_a_fixed_batch_and_a_free_one_give_the_same(tmp_path: Path) -> None:
    mattes = []
    for batch in (1, "n"):
        model = brightness_model(tmp_path / f"{batch}.onnx", batch=batch)
        write_spec(model, 32, 32)
        options = saliency.Options(weights=str(model), batch=3)
        segmenter = saliency.build(options, BuildContext())
        mattes.append(segmenter.segment([steps(20 + n, 40) for n in range(4)]))
    for one, other in zip(*mattes, strict=True):
        np.testing.assert_array_equal(one.alpha, other.alpha)


def test_large_logits_neither_warn_nor_leave_the_range() -> None:
    logits = np.array([[-1e30, -90.0, 0.0, 90.0, 1e30]], np.float32)
    with np.errstate(all="raise", under="ignore"):
        found = _saliency.activated(logits, OutputSpec(activation="sigmoid", stretch=False))
    np.testing.assert_allclose(found, [[0, 0, 0.5, 1, 1]], atol=1e-6)


def test_an_unlikely_map_is_not_stretched() -> None:
    noise = np.array([[0.01, 0.02, 0.4]], np.float32)
    np.testing.assert_array_equal(_saliency.activated(noise, OutputSpec()), noise)


def test_a_file_without_a_spec_names_the_sidecar_to_write(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match=r"a\.toml"):
        saliency.build(saliency.Options(weights=str(model)), BuildContext())
    assert u2net.build(u2net.Options(weights=str(model)), BuildContext())  # its family's own


@pytest.mark.parametrize("side", [(320, 320), ("h", 320)])
def test_a_spec_that_is_not_the_files_is_refused(
    tmp_path: Path, side: tuple[int | str, int | str]
) -> None:
    model = brightness_model(tmp_path / "a.onnx", side=side)
    write_spec(model, 320, 256)
    with pytest.raises(WeightsError, match=r"320, 256.*\[input\]"):
        saliency.build(saliency.Options(weights=str(model)), BuildContext())


def test_an_output_that_is_not_there_is_refused_with_the_count(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "a.onnx", decoys=1)
    write_spec(model, 32, 32, output="index = 2")
    with pytest.raises(WeightsError, match=r"output 2.*decoy0, map"):
        saliency.build(saliency.Options(weights=str(model)), BuildContext())


def test_an_output_that_is_no_map_is_refused(tmp_path: Path) -> None:
    """A graph whose answer still has three channels."""
    from onnx import helper, save

    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Identity", ["image"], ["map"])],
        "colours",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, shape)],
    )
    model = tmp_path / "a.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), model)
    write_spec(model, 32, 32)
    segmenter = saliency.build(saliency.Options(weights=str(model)), BuildContext())
    with pytest.raises(WeightsError, match=r"\(3, 32, 32\).*index under \[output\]"):
        segmenter.segment([steps(40, 80)])


def test_a_model_that_wants_bytes_is_refused(tmp_path: Path) -> None:
    from onnx import helper, save

    shape = ["n", 3, "h", "w"]
    graph = helper.make_graph(
        [helper.make_node("Cast", ["image"], ["map"], to=TensorProto.FLOAT)],
        "bytes",
        [helper.make_tensor_value_info("image", TensorProto.UINT8, shape)],
        [helper.make_tensor_value_info("map", TensorProto.FLOAT, shape)],
    )
    model = tmp_path / "a.onnx"
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9), model)
    write_spec(model, 32, 32)
    with pytest.raises(WeightsError, match="uint8"):
        saliency.build(saliency.Options(weights=str(model)), BuildContext())


def test_nothing_is_found_in_an_image_of_one_colour(tmp_path: Path) -> None:
    model = brightness_model(tmp_path / "bright.onnx")
    write_spec(model, 32, 32)
    segmenter = saliency.build(saliency.Options(weights=str(model)), BuildContext())
    white, bright = np.full((40, 30, 3), 255, np.uint8), np.full((40, 30, 3), 255, np.uint8)
    bright[:, :15] = 0
    nothing, half = segmenter.segment([RGBImage(white), RGBImage(bright)])
    assert not nothing.alpha.any() and half.alpha.any()

"""The ONNX trunk: outputs pooled by layout, options and files refused with the way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from engine.errors import ConfigError, WeightsError
from engine.types import Cutout
from stages.context import BuildContext
from stages.embed import onnx as stage

MakeCutout = Callable[..., Cutout]


def write_trunk(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    outputs: dict[str, list[int | str]],
    *,
    layout: str = "nchw",
    batch: int | str = "n",
) -> Path:
    """A model on 8 x 8 pictures in unit range, with its sidecar; nodes start from ``image``."""
    shape = [batch, 3, 8, 8] if layout == "nchw" else [batch, 8, 8, 3]
    graph = helper.make_graph(
        list(nodes),
        "trunk",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
    )
    path = folder / "trunk.onnx"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 8\nwidth = 8\nrange = 'unit'\nmean = [0.0, 0.0, 0.0]\n"
        f"std = [1.0, 1.0, 1.0]\ninterpolation = 'bilinear'\nlayout = '{layout}'\n"
    )
    return path


def identity(output: str = "features") -> onnx.NodeProto:
    return helper.make_node("Identity", ["image"], [output])


def built(path: Path, **values: object) -> stage.OnnxEmbedder:
    options = stage.Options.model_validate({"weights": str(path), **values})
    return stage.build(options, BuildContext())


def striped(cutout: MakeCutout, side: int = 8) -> Cutout:
    pixels = np.zeros((side, side, 3), np.uint8)
    pixels[: side // 2, :, 0] = 255  # mean red 0.5
    pixels[..., 2] = 255  # mean blue 1
    return cutout(pixels)


@pytest.mark.parametrize("layout", ["nchw", "nhwc"])
def test_a_feature_map_is_averaged_over_the_picture(
    tmp_path: Path, cutout: MakeCutout, layout: str
) -> None:
    shape: list[int | str] = ["n", 3, 8, 8] if layout == "nchw" else ["n", 8, 8, 3]
    path = write_trunk(tmp_path, [identity()], {"features": shape}, layout=layout)
    embedder = built(path, normalise=False)
    rows = embedder.embed([striped(cutout)])
    np.testing.assert_allclose(rows, [[0.5, 0, 1]], atol=1e-6)
    assert (embedder.dimension, embedder.normalised) == (3, False)


def test_rows_have_length_1_unless_told_otherwise(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path).embed([striped(cutout)])
    np.testing.assert_allclose(rows, [np.array([0.5, 0, 1]) / np.sqrt(1.25)], atol=1e-6)


def test_features_that_are_all_zero_still_have_length_1(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path).embed([cutout(np.zeros((8, 8, 3), np.uint8))])
    assert np.linalg.norm(rows) == pytest.approx(1)


def test_a_cutout_of_another_size_is_resized(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path, normalise=False).embed([striped(cutout, side=32)])
    np.testing.assert_allclose(rows, [[0.5, 0, 1]], atol=1e-6)


def test_a_dimension_that_the_file_does_not_declare_is_measured(tmp_path: Path) -> None:
    flat = helper.make_node("Flatten", ["image"], ["features"])
    path = write_trunk(tmp_path, [flat], {"features": ["n", "d"]})
    assert built(path).dimension == 3 * 8 * 8


def test_an_output_is_chosen_by_its_index(tmp_path: Path, cutout: MakeCutout) -> None:
    nodes = [identity("map"), helper.make_node("Flatten", ["image"], ["flat"])]
    outputs: dict[str, list[int | str]] = {"map": ["n", 3, 8, 8], "flat": ["n", 192]}
    path = write_trunk(tmp_path, nodes, outputs)
    assert built(path).embed([striped(cutout)]).shape == (1, 3)
    assert built(path, output=1).embed([striped(cutout)]).shape == (1, 192)
    with pytest.raises(ConfigError, match=r"0 to 1 \(map, flat\)"):
        built(path, output=2)


def test_a_model_with_a_fixed_batch_of_one_takes_batches(
    tmp_path: Path, cutout: MakeCutout
) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": [1, 3, 8, 8]}, batch=1)
    rows = built(path, batch=2).embed([striped(cutout)] * 5)
    assert rows.shape == (5, 3)


def test_an_output_with_one_axis_is_refused(tmp_path: Path, cutout: MakeCutout) -> None:
    squeeze = helper.make_node("ReduceMax", ["image"], ["features"], axes=[1, 2, 3], keepdims=0)
    path = write_trunk(tmp_path, [squeeze], {"features": ["n"]})
    with pytest.raises(WeightsError, match="4 axes is expected"):
        built(path).embed([striped(cutout)])


def test_features_that_are_not_finite_are_refused(tmp_path: Path, cutout: MakeCutout) -> None:
    nodes = [helper.make_node("Log", ["image"], ["features"])]
    path = write_trunk(tmp_path, nodes, {"features": ["n", 3, 8, 8]})
    with pytest.raises(WeightsError, match="not finite"):
        built(path).embed([cutout(np.zeros((8, 8, 3), np.uint8))])


def test_a_file_without_sidecar_says_what_to_write(tmp_path: Path) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    path.with_suffix(".toml").unlink()
    with pytest.raises(ConfigError, match=r"trunk\.toml.*\[input\]"):
        built(path)


def test_the_weights_reach_the_fingerprint(tmp_path: Path) -> None:
    path = write_trunk(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    context = BuildContext()
    stage.build(stage.Options(weights=str(path)), context)
    assert len(context.used[str(path)]) == 64

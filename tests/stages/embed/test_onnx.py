"""The ONNX backbone: outputs pooled by layout, options and files refused with the way out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
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


def write_backbone(
    folder: Path,
    nodes: Sequence[onnx.NodeProto],
    outputs: dict[str, list[int | str]],
    *,
    layout: str = "nchw",
    batch: int | str = "n",
) -> Path:
    """A model on 8 x 8 images in unit range, with its sidecar; nodes start from ``image``."""
    shape = [batch, 3, 8, 8] if layout == "nchw" else [batch, 8, 8, 3]
    graph = helper.make_graph(
        list(nodes),
        "backbone",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in outputs.items()],
    )
    path = folder / "backbone.onnx"
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
def test_a_feature_map_is_averaged_over_the_image(
    tmp_path: Path, cutout: MakeCutout, layout: str
) -> None:
    shape: list[int | str] = ["n", 3, 8, 8] if layout == "nchw" else ["n", 8, 8, 3]
    path = write_backbone(tmp_path, [identity()], {"features": shape}, layout=layout)
    embedder = built(path, normalise=False)
    rows = embedder.embed([striped(cutout)])
    np.testing.assert_allclose(rows, [[0.5, 0, 1]], atol=1e-6)
    assert (embedder.dimension, embedder.normalised) == (3, False)


def test_rows_have_length_1_unless_told_otherwise(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path).embed([striped(cutout)])
    np.testing.assert_allclose(rows, [np.array([0.5, 0, 1]) / np.sqrt(1.25)], atol=1e-6)


def test_features_that_are_all_zero_still_have_length_1(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path).embed([cutout(np.zeros((8, 8, 3), np.uint8))])
    assert np.linalg.norm(rows) == pytest.approx(1)


def test_a_cutout_of_another_size_is_resized(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    rows = built(path, normalise=False).embed([striped(cutout, side=32)])
    np.testing.assert_allclose(rows, [[0.5, 0, 1]], atol=1e-6)


def test_a_dimension_that_the_file_does_not_declare_is_measured(tmp_path: Path) -> None:
    flat = helper.make_node("Flatten", ["image"], ["features"])
    path = write_backbone(tmp_path, [flat], {"features": ["n", "d"]})
    assert built(path).dimension == 3 * 8 * 8


def test_an_output_is_chosen_by_its_index(tmp_path: Path, cutout: MakeCutout) -> None:
    nodes = [identity("map"), helper.make_node("Flatten", ["image"], ["flat"])]
    outputs: dict[str, list[int | str]] = {"map": ["n", 3, 8, 8], "flat": ["n", 192]}
    path = write_backbone(tmp_path, nodes, outputs)
    assert built(path).embed([striped(cutout)]).shape == (1, 3)
    assert built(path, output=1).embed([striped(cutout)]).shape == (1, 192)
    with pytest.raises(ConfigError, match=r"0 to 1 \(map, flat\)"):
        built(path, output=2)


def test_a_model_with_a_fixed_batch_of_one_takes_batches(
    tmp_path: Path, cutout: MakeCutout
) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": [1, 3, 8, 8]}, batch=1)
    rows = built(path, batch=2).embed([striped(cutout)] * 5)
    assert rows.shape == (5, 3)


def test_an_output_with_one_axis_is_refused(tmp_path: Path, cutout: MakeCutout) -> None:
    squeeze = helper.make_node("ReduceMax", ["image"], ["features"], axes=[1, 2, 3], keepdims=0)
    path = write_backbone(tmp_path, [squeeze], {"features": ["n"]})
    with pytest.raises(WeightsError, match="4 axes is expected"):
        built(path).embed([striped(cutout)])


def test_features_that_are_not_finite_are_refused(tmp_path: Path, cutout: MakeCutout) -> None:
    nodes = [helper.make_node("Log", ["image"], ["features"])]
    path = write_backbone(tmp_path, nodes, {"features": ["n", 3, 8, 8]})
    with pytest.raises(WeightsError, match="not finite"):
        built(path).embed([cutout(np.zeros((8, 8, 3), np.uint8))])


def test_a_file_without_sidecar_says_what_to_write(tmp_path: Path) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    path.with_suffix(".toml").unlink()
    with pytest.raises(ConfigError, match=r"backbone\.toml.*\[input\]"):
        built(path)


def test_the_weights_reach_the_fingerprint(tmp_path: Path) -> None:
    path = write_backbone(tmp_path, [identity()], {"features": ["n", 3, 8, 8]})
    context = BuildContext()
    stage.build(stage.Options(weights=str(path)), context)
    assert len(context.used[str(path)]) == 64


def write_maps(folder: Path, *, free: bool = True) -> Path:
    """Outputs ``features`` (N, 3), ``early`` and ``late``: the image, and its negative."""
    nodes = [
        helper.make_node("GlobalAveragePool", ["image"], ["mean"]),
        helper.make_node("Flatten", ["mean"], ["features"]),
        identity("early"),
        helper.make_node("Neg", ["image"], ["minus"]),
        helper.make_node("Relu", ["minus"], ["late"]),
    ]
    sides: list[int | str] = ["h", "w"] if free else [8, 8]
    path = write_backbone(
        folder, nodes, {"features": ["n", 3], "early": ["n", 3, 8, 8], "late": ["n", 3, 8, 8]}
    )
    model = onnx.load(path)
    for axis, side in enumerate(sides, start=2):
        dim = model.graph.input[0].type.tensor_type.shape.dim[axis]
        if isinstance(side, str):
            dim.dim_param = side
        for output in model.graph.output[1:]:
            output.type.tensor_type.shape.dim[axis].dim_param = f"out{axis}"
    onnx.save(model, path)
    return path


def test_maps_are_pooled_as_asked(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_maps(tmp_path)
    one = striped(cutout)  # red is 1 above and 0 below, green 0, blue 1
    mean = built(path, normalise=False, layers=["early"]).embed([one])
    np.testing.assert_allclose(mean, [[0.5, 0, 1]], atol=1e-6)
    top = built(path, normalise=False, layers=["early"], pool="mac").embed([one])
    np.testing.assert_allclose(top, [[1, 0, 1]], atol=1e-6)
    gem = built(path, normalise=False, layers=["early"], pool="gem", p=2.0).embed([one])
    np.testing.assert_allclose(gem, [[np.sqrt(0.5), 0, 1]], atol=1e-5)


def test_without_a_layer_the_last_map_is_pooled(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_maps(tmp_path)
    rows = built(path, normalise=False, pool="mac").embed([striped(cutout)])
    np.testing.assert_allclose(rows, [[0, 0, 0]], atol=1e-6)
    rows = built(path, normalise=False).embed([striped(cutout)])
    np.testing.assert_allclose(rows, [[0.5, 0, 1]], atol=1e-6)  # the features, as ever


def test_several_layers_are_put_one_after_the_other(tmp_path: Path, cutout: MakeCutout) -> None:
    fused = built(write_maps(tmp_path), layers=["late", "early"])
    red = np.zeros((8, 8, 3), np.uint8)
    red[..., 0] = 255
    rows = fused.embed([cutout(red), cutout(255 - red)])
    assert fused.dimension == 6
    # Either half has length 1 / sqrt(2): no layer is louder than another, and one without
    # information is the diagonal.
    half = 1 / np.sqrt(2)
    early = np.array([[1, 0, 0], [0, half, half]])
    np.testing.assert_allclose(rows[:, 3:], early * half, atol=1e-6)
    np.testing.assert_allclose(rows[:, :3], np.full((2, 3), half / np.sqrt(3)), atol=1e-6)


def test_a_layer_that_is_not_there_is_refused_with_those_that_are(tmp_path: Path) -> None:
    path = write_maps(tmp_path)
    with pytest.raises(ConfigError, match=r"layer9.*features, early, late"):
        built(path, layers=["early", "layer9"])
    with pytest.raises(ConfigError, match="leave one out"):
        built(path, layers=["early"], output=1)


def test_a_pooling_that_does_not_fit_the_output_says_so(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_maps(tmp_path)
    with pytest.raises(WeightsError, match=r"pool = 'gem'.*packsight weights export"):
        built(path, layers=["features"], pool="gem").embed([striped(cutout)])
    with pytest.raises(WeightsError, match=r"pool = 'cls'.*transformers"):
        built(path, pool="cls").embed([striped(cutout)])


def test_tokens_of_a_transformer_are_taken(tmp_path: Path, cutout: MakeCutout) -> None:
    shape = helper.make_tensor("shape", TensorProto.INT64, [3], [0, 3, 64])
    nodes = [
        helper.make_node("Constant", [], ["shape"], value=shape),
        helper.make_node("Reshape", ["image", "shape"], ["flat"]),
        helper.make_node("Transpose", ["flat"], ["tokens"], perm=[0, 2, 1]),
    ]
    path = write_backbone(tmp_path, nodes, {"tokens": ["n", 64, 3]})
    one = striped(cutout)
    assert built(path).dimension == 3
    first = built(path, pool="cls", normalise=False).embed([one])
    np.testing.assert_allclose(first, [[1, 0, 1]], atol=1e-6)
    rest = built(path, normalise=False).embed([one])
    np.testing.assert_allclose(rest, [[31 / 63, 0, 1]], atol=1e-6)


def test_scales_are_averaged(tmp_path: Path, cutout: MakeCutout) -> None:
    """The backbone's images are 8 wide: scale 4 makes them 32, a multiple of every stride."""
    path = write_maps(tmp_path)
    noise = cutout(np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8))
    alone = [built(path, layers=["early"], pool="gem", scales=[s]).embed([noise]) for s in (1, 4)]
    both = built(path, layers=["early"], pool="gem", scales=[1, 4]).embed([noise])
    mean = np.mean(alone, axis=0)
    np.testing.assert_allclose(both, mean / np.linalg.norm(mean), rtol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 1e-3


def test_scales_want_a_model_of_free_sides(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="one size only"):
        built(write_maps(tmp_path, free=False), scales=[1, 4])
    with pytest.raises(ValueError, match=r"from 0\.1 to 4"):
        built(tmp_path, scales=[])


def half_product(cutout: MakeCutout) -> Cutout:
    """Left: product, red. Right: background, green."""
    pixels = np.zeros((8, 8, 3), np.uint8)
    pixels[:, :4, 0] = pixels[:, 4:, 1] = 255
    alpha = np.zeros((8, 8), np.float32)
    alpha[:, :4] = 1
    return Cutout(pixels, alpha, (0, 0, 8, 8))


def test_the_view_on_white_does_not_see_the_background(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_maps(tmp_path)
    rows = built(path, views="white", normalise=False).embed([half_product(cutout)])
    np.testing.assert_allclose(rows, [[1, 0.5, 0.5]], atol=1e-6)  # red and white
    empty = Cutout(half_product(cutout).pixels, np.zeros((8, 8), np.float32), (0, 0, 8, 8))
    rows = built(path, views="white", normalise=False).embed([empty])
    np.testing.assert_allclose(rows, [[0.5, 0.5, 0]], atol=1e-6)  # no mask: all of it


def test_two_views_are_concatenated_or_averaged(tmp_path: Path, cutout: MakeCutout) -> None:
    path = write_maps(tmp_path)
    one = half_product(cutout)
    cut, white = (built(path, views=view).embed([one])[0] for view in ("cut", "white"))
    side_by_side = built(path, views="both")
    assert side_by_side.dimension == 6
    expected = np.concatenate([cut, white]) / np.sqrt(2)
    np.testing.assert_allclose(side_by_side.embed([one])[0], expected, atol=1e-6)
    mean = built(path, views="both", join="average")
    assert mean.dimension == 3
    expected = (cut + white) / np.linalg.norm(cut + white)
    np.testing.assert_allclose(mean.embed([one])[0], expected, atol=1e-6)


@pytest.mark.parametrize("join", ["concatenate", "average"])
def test_a_mask_that_is_not_believed_takes_its_view_away(
    tmp_path: Path, cutout: MakeCutout, join: str
) -> None:
    path = write_maps(tmp_path)
    one = half_product(cutout)
    cut, white = (built(path, views=view).embed([one])[0] for view in ("cut", "white"))
    both = built(path, views="both", join=join)
    (none,) = both.embed([replace(one, trust=0.0)])
    np.testing.assert_allclose(none[:3], cut, atol=1e-6)
    np.testing.assert_allclose(none[3:], 0, atol=1e-6)
    (some,) = both.embed([replace(one, trust=0.25)])
    if join == "average":
        mean = cut + 0.25 * white
        np.testing.assert_allclose(some, mean / np.linalg.norm(mean), atol=1e-6)
    else:
        assert np.linalg.norm(some[3:]) ** 2 == pytest.approx(0.2, abs=1e-5)


def test_options_that_came_later_leave_old_fingerprints_alone() -> None:
    old = stage.Options(weights="w")
    assert old.at_default() == set(stage.Options.later)
    assert stage.Options(weights="w", pool="gem").at_default() == stage.Options.later - {"pool"}

"""Networks in int8: by what their ranges, biases and layers in float32 come to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from engine.errors import WeightsError
from engine.types import FloatArray
from stages._session import OnnxSession
from weights.half_storage import halve
from weights.quantise import (
    CLIPPINGS,
    fold,
    measure,
    quantise,
    ranges,
    rounding_error,
    shared,
    write_int8,
)
from weights.rounding import Inputs, Layer, compensated, round_kernels

LAYERS = ["first", "harmful", "last"]


def write_layers(path: Path, *, harmful: bool = True, opset: int = 17) -> Path:
    """(N, 3, 8, 8) -> (N, 4): three convolutions of 1 x 1 with Relu between, averaged. The second
    has a kernel whose largest numbers meet a channel that is always 0: with them in the step, all
    others round to 0."""
    random = np.random.default_rng(5)
    kernels = [random.normal(size=size).astype(np.float32) for size in ((6, 3, 1, 1), (6, 6, 1, 1))]
    kernels.append(random.normal(size=(4, 6, 1, 1)).astype(np.float32))
    biases = [random.normal(size=len(kernel)).astype(np.float32) for kernel in kernels]
    kernels[0][5], biases[0][5] = 0, -1
    if harmful:
        kernels[1][:, 5] = 3000
    nodes, value = [], "image"
    for name in LAYERS:
        nodes.append(
            helper.make_node("Conv", [value, f"{name}_kernel", f"{name}_bias"], [name], name=name)
        )
        nodes.append(helper.make_node("Relu", [name], [f"{name}_relu"]))
        value = f"{name}_relu"
    nodes.append(helper.make_node("GlobalAveragePool", [value], ["mean"]))
    nodes.append(helper.make_node("Flatten", ["mean"], ["features"]))
    constants = [
        numpy_helper.from_array(array, f"{name}_{kind}")
        for kind, arrays in (("kernel", kernels), ("bias", biases))
        for name, array in zip(LAYERS, arrays, strict=True)
    ]
    graph = helper.make_graph(
        nodes,
        "layers",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])],
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", 4])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path))
    return path


def write_branches(path: Path, *, opset: int = 18, keepdims: int = 1) -> Path:
    """(N, 3, 8, 8) -> (N, 4, 1, 1): two convolutions, one with x·sigmoid(x) and one of a tenth of
    its numbers with Relu, side by side, pooled; a third, averaged; and a fourth. Without
    ``keepdims`` what is averaged is flattened, (N, 4)."""
    random = np.random.default_rng(7)
    sizes = {"a": (4, 3, 3, 3), "b": (4, 3, 3, 3), "c": (6, 8, 1, 1), "d": (4, 6, 1, 1)}
    kernels = {name: random.normal(size=size).astype(np.float32) for name, size in sizes.items()}
    kernels["b"] /= 10
    axes = {"axes": [2, 3]} if opset < 18 else {}
    node = helper.make_node
    nodes = [
        node("Conv", ["image", "a_kernel"], ["a"], name="a", pads=[1] * 4),
        node("Sigmoid", ["a"], ["gate"]),
        node("Mul", ["a", "gate"], ["silu"]),
        node("Conv", ["image", "b_kernel"], ["b"], name="b", pads=[1] * 4),
        node("Relu", ["b"], ["relu"]),
        node("Concat", ["silu", "relu"], ["beside"], axis=1),
        node("MaxPool", ["beside"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Conv", ["pooled", "c_kernel"], ["c"], name="c"),
        node("ReduceMean", ["c", *([] if axes else ["axes"])], ["mean"], keepdims=keepdims, **axes),
    ]
    last = ("Conv", ["mean", "d_kernel"]) if keepdims else ("Flatten", ["mean"])
    nodes.append(node(*last, ["out"], name="d"))
    constants = [numpy_helper.from_array(one, f"{name}_kernel") for name, one in kernels.items()]
    constants.append(numpy_helper.from_array(np.array([2, 3]), "axes"))
    ports = [
        helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8]),
        helper.make_tensor_value_info("out", TensorProto.FLOAT, None),
    ]
    graph = helper.make_graph(nodes, "branches", ports[:1], ports[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    onnx.save(model, str(path))
    return path


def images(count: int = 12, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(count, 3, 8, 8)).astype(np.float32)


def features(path: Path, batch: FloatArray) -> FloatArray:
    return OnnxSession(path, threads=1).run(batch)


class Error:
    """The relative squared error of a file on other images than those that calibrated."""

    def __init__(self, model: Path) -> None:
        self._batch = images(seed=1)
        self._plain = features(model, self._batch)

    def __call__(self, path: Path) -> float:
        found = features(path, self._batch)
        return float(np.square(found - self._plain).sum() / np.square(self._plain).sum())


@pytest.mark.parametrize("clipping", CLIPPINGS)
@pytest.mark.parametrize("opset", [11, 17])
def test_a_network_computes_nearly_the_same_on_integers(
    clipping: str, opset: int, tmp_path: Path
) -> None:
    model = write_layers(tmp_path / "model.onnx", harmful=False, opset=opset)
    made = quantise(model, tmp_path, [images()], Error(model), clipping, 0)  # type: ignore[arg-type]
    assert made.layers == 3 and made.error < 1e-3 and made.float_layers == ()
    graph = onnx.load(str(made.path)).graph
    kinds = {tensor.name: tensor.data_type for tensor in graph.initializer}
    assert [kinds[f"{name}_kernel_quantized"] for name in LAYERS] == [TensorProto.INT8] * 3
    scales = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    assert scales["first_kernel_scale"] == (6,)  # one a channel


def test_weights_in_half_precision_are_quantised_alike(tmp_path: Path) -> None:
    model = write_layers(tmp_path / "model.onnx", harmful=False)
    halve(model)
    made = quantise(model, tmp_path, [images()], Error(model), "minmax", 0)
    assert made.error < 1e-3


def test_the_layer_that_hurts_is_found_and_left_in_float(tmp_path: Path) -> None:
    model = write_layers(tmp_path / "model.onnx")
    hurt = quantise(model, tmp_path, [images()], Error(model), "minmax", 0)
    made = quantise(model, tmp_path, [images()], Error(model), "minmax", 2)
    assert [layer.name for layer in made.float_layers][:1] == ["harmful"]
    assert made.float_layers[0].gain > 0.9 and made.error < hurt.error / 10
    kept = {tensor.name for tensor in onnx.load(str(made.path)).graph.initializer}
    assert "harmful_kernel" in kept and "first_kernel_quantized" in kept
    assert made.all_int8.is_file()


def test_a_layer_in_float_stays_so_in_a_session(tmp_path: Path) -> None:
    """ONNX Runtime makes it int8 when it opens the file, unless that is switched off."""
    model = write_layers(tmp_path / "model.onnx")
    folded = tmp_path / "folded.onnx"
    fold(model, folded)
    spans = ranges(measure(folded, [images()])[0], "minmax")
    write_int8(folded, tmp_path / "int8.onnx", spans, ["harmful"])
    assert Error(model)(tmp_path / "int8.onnx") < 1e-3


def test_kernels_are_rounded_to_their_steps_and_biases_take_what_is_left_of_the_mean(
    tmp_path: Path,
) -> None:
    model = write_layers(tmp_path / "model.onnx", harmful=False)
    layers = fold(model, tmp_path / "folded.onnx")
    _, inputs = measure(tmp_path / "folded.onnx", [images()])
    found = round_kernels(layers, inputs)
    for layer in layers:
        kernel, new = layer.kernel[:, :, 0, 0], found[layer.name].kernel[:, :, 0, 0]
        step = np.abs(kernel).max(axis=1, keepdims=True) / 127
        step[step == 0] = 1
        assert np.abs(new / step - np.round(new / step)).max() < 1e-3
        assert np.allclose(np.abs(new).max(axis=1), np.abs(kernel).max(axis=1))  # the step stays
        mean, _ = inputs[layer.name].moments()
        assert np.allclose(found[layer.name].shift, (kernel - new) @ mean[0], atol=1e-5)


def test_means_and_covariances_are_those_of_patches() -> None:
    """The slow twin: every patch of an image of one place a group."""
    random = np.random.default_rng(0)
    kernel = random.normal(size=(4, 1, 3, 3)).astype(np.float32)
    layer = Layer("conv", "x", "k", None, kernel, 4, (2, 2), (0, 0, 0, 0), (1, 1))
    inputs, batch = Inputs(layer), random.normal(size=(50, 1, 4, 3, 3)).astype(np.float32)
    for image in batch:
        inputs.add(image)
    patches = batch.reshape(50, 4, 9).astype(np.float64)
    mean, covariance = inputs.moments()
    assert np.allclose(mean, patches.mean(axis=0), atol=1e-6)
    for group in range(4):
        expected = np.cov(patches[:, group].T, bias=True)
        assert np.allclose(covariance[group], expected, atol=1e-5)


def test_compensated_rounding_changes_outputs_less_than_the_nearest_levels() -> None:
    random = np.random.default_rng(0)
    mixed = random.normal(size=(400, 5)) @ random.normal(size=(5, 24))
    inputs = mixed + 0.1 * random.normal(size=mixed.shape)
    kernel = random.normal(size=(16, 24))
    step = np.abs(kernel).max(axis=1, keepdims=True) / 127
    nearest = np.round(kernel / step) * step
    found = compensated(kernel, np.cov(inputs.T))

    def lost(rounded: npt.NDArray[np.float64]) -> float:
        return float(np.square((inputs - inputs.mean(axis=0)) @ (kernel - rounded).T).mean())

    assert lost(found) < 0.5 * lost(nearest)


def test_by_inputs_that_do_not_differ_each_number_is_rounded_by_itself() -> None:
    random = np.random.default_rng(0)
    kernel = random.normal(size=(3, 24)).astype(np.float32)
    inputs = Inputs(Layer("gemm", "x", "k", None, kernel, 1, (1,)))
    inputs.add(random.normal(size=(1, 24)).astype(np.float32) + 30)
    step = np.abs(kernel).max(axis=1, keepdims=True) / 127
    found = compensated(kernel.astype(np.float64), inputs.moments()[1][0])
    assert np.allclose(found, np.round(kernel / step) * step, atol=1e-6)


@pytest.mark.parametrize("opset", [13, 18])
def test_means_of_maps_are_pooled_where_they_stay_maps(opset: int, tmp_path: Path) -> None:
    model = write_branches(tmp_path / "model.onnx", opset=opset)
    fold(model, tmp_path / "folded.onnx")
    kinds = [node.op_type for node in onnx.load(str(tmp_path / "folded.onnx")).graph.node]
    assert "GlobalAveragePool" in kinds and "ReduceMean" not in kinds
    expected, found = (features(path, images()) for path in (model, tmp_path / "folded.onnx"))
    assert np.allclose(expected, found, atol=1e-5)
    flat = write_branches(tmp_path / "flat.onnx", opset=opset, keepdims=0)
    fold(flat, tmp_path / "folded.onnx")
    kinds = [node.op_type for node in onnx.load(str(tmp_path / "folded.onnx")).graph.node]
    assert "ReduceMean" in kinds


def test_what_is_put_side_by_side_and_pooled_has_one_range(tmp_path: Path) -> None:
    model, folded = write_branches(tmp_path / "model.onnx"), tmp_path / "folded.onnx"
    fold(model, folded)
    measured, _ = measure(folded, [images()])
    found = shared(folded, measured)
    together = ("silu", "relu", "beside", "pooled")
    assert {(found[name].low, found[name].high) for name in together} == {
        (
            min(measured[name].low for name in together),
            max(measured[name].high for name in together),
        )
    }
    assert measured["relu"].high < measured["silu"].high  # else the test shows nothing
    alone = found["c"]
    assert (alone.low, alone.high) == (measured["c"].low, measured["c"].high)


def test_for_openvino_only_what_layers_take_is_rounded(tmp_path: Path) -> None:
    model = write_branches(tmp_path / "model.onnx")
    error = Error(model)
    plain = quantise(model, tmp_path, [images()], error, "minmax", 0)
    plain_error = plain.error
    made = quantise(model, tmp_path, [images()], error, "minmax", 0, runtime="openvino")
    # Fewer values are rounded.
    assert made.error < plain_error < 1e-2
    graph = onnx.load(str(made.path)).graph
    rounded = {node.input[0] for node in graph.node if node.op_type == "QuantizeLinear"}
    assert {"image", "silu", "relu"} <= rounded and not rounded & {"a", "gate", "b", "c", "out"}
    pytest.importorskip("openvino")
    batch = images(seed=1)
    found = OnnxSession(made.path, threads=1, backend="openvino").run(batch)
    expected = features(model, batch)
    assert np.square(found - expected).sum() < 1e-2 * np.square(expected).sum()


@given(st.lists(st.floats(-50, 50, width=32), min_size=2, max_size=40))
def test_no_range_of_the_search_loses_more_than_the_whole_one(values: list[float]) -> None:
    from weights.quantise import Measured

    sample = np.array(values, np.float32)
    low, high = float(sample.min()), float(sample.max())
    one = Measured(low, high, sample)
    found = ranges({"value": one}, "error")["value"]
    if min(low, 0.0) < max(high, 0.0):
        whole = rounding_error(sample, min(low, 0.0), max(high, 0.0))
        assert rounding_error(sample, *found) <= whole
        assert min(low, 0.0) <= found[0] <= found[1] <= max(high, 0.0)


def test_what_has_no_kernel_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["x"], ["y"])
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = helper.make_graph([node], "relu", ports[:1], ports[1:])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(tmp_path / "relu.onnx"))
    with pytest.raises(WeightsError, match="no layer"):
        quantise(tmp_path / "relu.onnx", tmp_path, [images()], lambda path: 0.0)


def test_measured_ends_are_those_of_all_images(tmp_path: Path) -> None:
    model = write_layers(tmp_path / "model.onnx", harmful=False)
    folded = tmp_path / "folded.onnx"
    assert [layer.name for layer in fold(model, folded)] == LAYERS
    given = images()
    found, inputs = measure(folded, [given[:5], given[5:]])
    ends: npt.NDArray[np.float32] = np.array([found["image"].low, found["image"].high])
    assert np.allclose(ends, [given.min(), given.max()])
    assert set(inputs) == set(LAYERS)
    assert found["first_relu"].low == 0

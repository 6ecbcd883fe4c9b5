"""Static int8 of an ONNX file: kernels of 8 bits a channel, activations of 8 bits by their ranges.

Jacob, Kligys, Chen, Zhu, Tang, Howard, Adam, Kalenichenko: Quantization and Training of Neural
Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018. What is written has
QuantizeLinear and DequantizeLinear around each operator, which ONNX Runtime and OpenVINO fuse into
operators on integers; inputs and outputs stay float32.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from engine.errors import WeightsError
from engine.machine import Backend
from engine.types import FloatArray, Progress
from weights.frameworks.network import import_framework
from weights.rounding import LAYERS, Inputs, Layer, Rounded, layers_of, round_kernels

Ranges = Mapping[str, tuple[float, float]]  # lowest and highest of each value, by its name
Clipping = Literal["minmax", "percentile", "error"]
CLIPPINGS: tuple[Clipping, ...] = get_args(Clipping)

OPSET = 13  # from here on a kernel may have a scale for each channel
# Of each value and image at most so many numbers are kept, evenly drawn, to choose a range by; and
# of all images.
SAMPLED, SEARCHED = 1024, 2**15
# What "percentile" leaves outside the range on each side.
TAIL = 1e-4
# The factors of the largest range among which "error" searches.
SHRUNK = np.linspace(1.0, 0.3, 36)
LEVELS = 255
# A layer is left in float32 where that takes at least this fraction of the error away.
WORTH_FLOAT = 0.05
# Operators whose outputs lie within their inputs' range; by the number of inputs that do, None all.
_PASSING: dict[str, int | None] = {"Concat": None, "MaxPool": 1, "Resize": 1}


@dataclass(frozen=True, eq=False)
class Measured:
    """Of one value over all images: its range, and numbers drawn from it."""

    low: float
    high: float
    sample: FloatArray


@dataclass(frozen=True)
class FloatLayer:
    """``gain``: the fraction of the error that went when it was left in float32."""

    name: str
    gain: float


@dataclass(frozen=True)
class Int8Network:
    """``all_int8``: the same network with no layer in float32. Errors are those of ``quantise``."""

    path: Path
    all_int8: Path
    layers: int
    float_layers: tuple[FloatLayer, ...]
    error: float


def quantise(
    model: Path,
    folder: Path,
    batches: Sequence[FloatArray],
    error_of: Callable[[Path], float],
    clipping: Clipping = "error",
    most_float: int = 4,
    progress: Progress | None = None,
    runtime: Backend = "onnxruntime",
) -> Int8Network:
    """Write the int8 networks into ``folder``; ``batches`` are what the network is given, and
    ``runtime`` is what they are laid out for (see ``write_int8``).

    ``error_of``: how much the outputs of a file differ from those of ``model``. Each layer in turn
    is left in float32 alone; those that help most are tried together, and at most ``most_float``
    stay, each of which takes ``WORTH_FLOAT`` of the error away. Raises WeightsError for a file
    that cannot be opened, and for one without a layer.
    """
    folded = folder / "folded.onnx"
    layers = fold(model, folded)
    if not layers:
        raise WeightsError(f"{model}: has no layer with a kernel, so there is nothing to quantise.")
    measured, inputs = measure(folded, batches)
    spans = ranges(shared(folded, measured), clipping)
    rounded = round_kernels(layers, inputs)
    tried = folder / "tried.onnx"

    def error(in_float: Sequence[str], target: Path = tried) -> float:
        write_int8(folded, target, spans, in_float, rounded, runtime)
        return error_of(target)

    plain = folder / "all_int8.onnx"
    whole = best = error((), plain)
    kept: list[FloatLayer] = []
    names = [layer.name for layer in layers]
    for name in _by_gain(names, error, progress) if most_float else ():
        if len(kept) == most_float:
            break
        found = error([*(one.name for one in kept), name])
        if best - found >= WORTH_FLOAT * whole:
            kept.append(FloatLayer(name, (best - found) / whole))
            best = found
    if not kept:
        return Int8Network(plain, plain, len(layers), (), whole)
    chosen = folder / "chosen.onnx"
    best = error([one.name for one in kept], chosen)
    return Int8Network(chosen, plain, len(layers), tuple(kept), best)


def fold(model: Path, target: Path) -> list[Layer]:
    """Write the network with its constants computed, as weights that are stored in half precision
    need it, and with the means of maps as the operator that has integers; return its layers.

    Raises WeightsError where ONNX Runtime cannot open it.
    """
    ort = import_framework("onnxruntime")
    onnx = import_framework("onnx")
    options = ort.SessionOptions()
    options.log_severity_level = 3
    # Basic: operators of its own, which the higher levels put in, cannot be made integer.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(target)
    loaded = onnx.load(str(model))
    if any(one.domain in ("", "ai.onnx") and one.version < OPSET for one in loaded.opset_import):
        loaded = onnx.version_converter.convert_version(loaded, OPSET)
    try:
        ort.InferenceSession(
            loaded.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises a family of private types
        raise WeightsError(f"{model}: ONNX Runtime cannot open it: {error}") from error
    folded = onnx.shape_inference.infer_shapes(onnx.load(str(target)))
    for number, node in enumerate(folded.graph.node):
        node.name = node.name or f"{node.op_type}_{number}"
    _pool_means(folded)
    onnx.save(folded, str(target))
    return layers_of(folded)


def measure(
    folded: Path, batches: Sequence[FloatArray], looked_at: bool = True
) -> tuple[dict[str, Measured], dict[str, Inputs]]:
    """Every float32 value of a folded network while it runs on ``batches``, image by image; and
    the inputs of its layers, by their names, where they are ``looked_at``."""
    onnx, ort = import_framework("onnx"), import_framework("onnxruntime")
    model = onnx.load(str(folded))
    image = model.graph.input[0].name
    outputs = {value.name for value in model.graph.output}
    kinds = {value.name: value.type.tensor_type.elem_type for value in model.graph.value_info}
    for node in model.graph.node:
        for name in node.output:
            if name not in outputs and kinds.get(name) == onnx.TensorProto.FLOAT:
                model.graph.output.append(onnx.ValueInfoProto(name=name))
    options = ort.SessionOptions()
    options.log_severity_level = 3
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    names = [value.name for value in session.get_outputs()]
    found: dict[str, _Measuring] = {}
    layers = [layer for layer in layers_of(model) if looked_at and Inputs.fit(layer)]
    inputs = {layer.name: Inputs(layer) for layer in layers}
    for one in _images(batches):
        values = {image: one, **dict(zip(names, session.run(names, {image: one}), strict=True))}
        for name, value in values.items():
            if value.dtype == np.float32:
                found.setdefault(name, _Measuring()).add(value)
        for layer in layers:
            inputs[layer.name].add(values[layer.source])
    return {name: each.measured() for name, each in found.items()}, inputs


def shared(folded: Path, measured: Mapping[str, Measured]) -> dict[str, Measured]:
    """Values that are only put side by side, pooled or enlarged are measured as one: with one range
    they are moved as they are, with several each would be computed anew."""
    groups = {name: [name] for name in measured}
    for node in import_framework("onnx").load(str(folded)).graph.node:
        if node.op_type not in _PASSING:
            continue
        names = [node.output[0], *node.input[: _PASSING[node.op_type]]]
        joined = list(dict.fromkeys(one for name in names for one in groups.get(name, [])))
        groups |= dict.fromkeys(joined, joined)
    return {name: _as_one([measured[one] for one in group]) for name, group in groups.items()}


def _as_one(several: Sequence[Measured]) -> Measured:
    return Measured(
        min(one.low for one in several),
        max(one.high for one in several),
        _drawn(np.concatenate([one.sample for one in several])),
    )


def _drawn(sample: FloatArray) -> FloatArray:
    return sample[:: max(1, sample.size // SEARCHED)]


def ranges(measured: Mapping[str, Measured], clipping: Clipping) -> Ranges:
    """The range of each value: all of it, all but ``TAIL`` on each side, or the one by which the
    numbers drawn lose least to rounding and clipping, in squares."""
    chosen = {"minmax": _whole, "percentile": _percentile, "error": _least_error}[clipping]
    return {name: chosen(one) for name, one in measured.items()}


def write_int8(
    folded: Path,
    target: Path,
    spans: Ranges,
    in_float: Sequence[str] = (),
    rounded: Mapping[str, Rounded] | None = None,
    runtime: Backend = "onnxruntime",
) -> None:
    """Write the int8 network; the layers ``in_float`` are left as they are, the kernels of the
    others are ``rounded``, or each number to its nearest level.

    ONNX Runtime computes on integers what has inputs and outputs of 8 bits: all values are. For
    OpenVINO those alone that layers take: whatever follows a layer, such as x·sigmoid(x), it
    computes in float32 while it writes that layer's outputs.
    """
    onnx = import_framework("onnx")
    calibrate = import_framework("onnxruntime.quantization.calibrate")
    kinds = import_framework("onnxruntime.quantization").QuantType
    quantizer = import_framework("onnxruntime.quantization.qdq_quantizer")
    registry = import_framework("onnxruntime.quantization.registry")
    data = {
        name: calibrate.TensorData(lowest=np.float32(low), highest=np.float32(high))
        for name, (low, high) in spans.items()
    }
    model = onnx.load(str(folded))
    _round(model, rounded or {}, in_float)
    inputs_alone = runtime == "openvino"
    every = {*registry.QLinearOpsRegistry, *registry.QDQRegistry}
    made = quantizer.QDQQuantizer(
        onnx.shape_inference.infer_shapes(model),
        True,  # a scale for each channel of a kernel
        False,
        kinds.QInt8,
        kinds.QUInt8,
        calibrate.TensorsData(calibrate.CalibrationMethod.MinMax, data),
        [],
        list(in_float),
        sorted(_PASSING.keys() | set(LAYERS) if inputs_alone else every),
        {
            "ActivationSymmetric": False,
            "WeightSymmetric": True,
            "OpTypesToExcludeOutputQuantization": list(LAYERS) if inputs_alone else [],
        },
    )
    made.quantize_model()
    made.model.save_model_to_file(str(target))


def _by_gain(
    layers: Sequence[str],
    error: Callable[[Sequence[str]], float],
    progress: Progress | None,
) -> list[str]:
    """Those that take most of the error away when they alone are left in float32."""
    found = []
    for number, name in enumerate(layers, start=1):
        found.append((error([name]), name))
        if progress is not None:
            progress(number, len(layers))
    return [name for _, name in sorted(found)]


def _images(batches: Sequence[FloatArray]) -> Iterator[FloatArray]:
    for batch in batches:
        for at in range(len(batch)):
            yield batch[at : at + 1]


class _Measuring:
    """``Measured`` as it grows."""

    def __init__(self) -> None:
        self._low, self._high = np.inf, -np.inf
        self._sample: list[FloatArray] = []

    def add(self, value: FloatArray) -> None:
        self._low = min(self._low, float(value.min()))
        self._high = max(self._high, float(value.max()))
        flat = value.reshape(-1)
        self._sample.append(flat[:: max(1, flat.size // SAMPLED)].copy())

    def measured(self) -> Measured:
        return Measured(self._low, self._high, _drawn(np.concatenate(self._sample)))


def _whole(one: Measured) -> tuple[float, float]:
    return one.low, one.high


def _percentile(one: Measured) -> tuple[float, float]:
    low, high = np.quantile(one.sample, [TAIL, 1 - TAIL])
    return float(low), float(high)


def _least_error(one: Measured) -> tuple[float, float]:
    low, high = min(one.low, 0.0), max(one.high, 0.0)
    if high <= low:
        return low, high
    return min(_shrunk(low, high), key=lambda ends: rounding_error(one.sample, *ends))


def _shrunk(low: float, high: float) -> Iterator[tuple[float, float]]:
    """Both ends by the same factor, and each alone."""
    for factor in SHRUNK.tolist():
        yield low * factor, high * factor
        if low < 0 < high:
            yield low, high * factor
            yield low * factor, high


def rounding_error(sample: FloatArray, low: float, high: float) -> float:
    """The sum of squares of what 8 bits between ``low`` and ``high`` change."""
    step = (high - low) / LEVELS
    zero = round(-low / step)
    levels = np.clip(np.rint(sample / step) + zero, 0, LEVELS)
    return float(np.square((levels - zero) * step - sample).sum(dtype=np.float64))


def _pool_means(model: Any) -> None:
    """ReduceMean over all places of a map, as exports have it, has no integers in ONNX Runtime;
    GlobalAveragePool, which is the same, has."""
    onnx, graph = import_framework("onnx"), model.graph
    constants = {one.name: one for one in graph.initializer}
    ranks = {one.name: len(one.type.tensor_type.shape.dim) for one in graph.value_info}
    for node in graph.node:
        if node.op_type != "ReduceMean":
            continue
        attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
        axes = attributes.get("axes", ())
        if len(node.input) > 1 and node.input[1] in constants:
            axes = onnx.numpy_helper.to_array(constants[node.input[1]]).tolist()
        over_places = ranks.get(node.input[0]) == 4 and sorted(one % 4 for one in axes) == [2, 3]
        if over_places and attributes.get("keepdims", 1):
            node.op_type = "GlobalAveragePool"
            del node.input[1:], node.attribute[:]


def _round(model: Any, rounded: Mapping[str, Rounded], in_float: Sequence[str]) -> None:
    to_array = import_framework("onnx").numpy_helper.to_array
    from_array = import_framework("onnx").numpy_helper.from_array
    constants = {one.name: one for one in model.graph.initializer}
    for layer in layers_of(model):
        if layer.name not in rounded or layer.name in in_float:
            continue
        new = rounded[layer.name]
        constants[layer.kernel_name].CopyFrom(from_array(new.kernel, layer.kernel_name))
        if layer.bias_name is not None:
            bias = (to_array(constants[layer.bias_name]) + new.shift).astype(np.float32)
            constants[layer.bias_name].CopyFrom(from_array(bias, layer.bias_name))

"""An exported embedder as one that learns again: the constants of its ONNX file go back into torch.

An export folds batch normalisation into the convolutions and stores in half precision; what
``start.settle_statistics`` does for folded checkpoints then gives the normalisation back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.checksums import digests_of
from weights.fetch import matching_sidecar
from weights.frameworks.network import GraphNames, import_framework
from weights.input_spec import InputSpec
from weights.parity import HALF_TOLERANCE, measure_parity
from weights.probe import image_probe

SUFFIX = ".onnx"


@dataclass(frozen=True)
class _Constants:
    """In the order in which the graph uses them."""

    convolutions: list[list[FloatArray]]  # kernel, and bias where there is one
    exponents: list[FloatArray]  # of GeM
    projections: list[list[FloatArray]]  # weights (D, C) and bias (D,)


def load_exported(embedder: Any, model: Path, spec: InputSpec, names: GraphNames) -> None:
    """Fill an ``Embedder`` with the weights of ``model``, an export of one with the same backbone,
    pooling and projection; ``spec``: of the images that the embedder is to see.

    Raises WeightsError for a file that is another network, or was made for other images: both
    compute the same on a probe afterwards, or it is refused.
    """
    _require_same_images(model, spec)
    constants = _read(model)
    _fill(embedder, constants, model)
    torch_export = import_framework("weights.frameworks.torch_export")
    network = torch_export.as_network(embedder, image_probe(spec), (embedder.dimension,), names)
    try:
        measure_parity(network, model, HALF_TOLERANCE)
    except WeightsError as error:
        raise _other_network(model, error.message) from error


def _require_same_images(model: Path, spec: InputSpec) -> None:
    sidecar = matching_sidecar(model, digests_of(model).sha256)
    if sidecar is None:
        return
    own = replace(sidecar.input, height=spec.height, width=spec.width)
    if own != spec:
        raise _other_network(model, f"its images are prepared as {own}, these as {spec}")


def _read(model: Path) -> _Constants:
    onnx = import_framework("onnx")
    try:
        graph = onnx.load(str(model)).graph
    except Exception as error:  # protobuf raises its own kinds for what is no ONNX file
        raise WeightsError(f"{model}: no ONNX file ({type(error).__name__}).") from error
    known: dict[str, FloatArray] = {
        tensor.name: np.array(onnx.numpy_helper.to_array(tensor), np.float32)
        for tensor in graph.initializer
    }
    found = _Constants([], [], [])
    for node in graph.node:
        given = [known[name] for name in node.input if name in known]
        if node.op_type == "Cast" and given:  # half precision
            known[node.output[0]] = given[0]
        elif node.op_type == "Conv":
            found.convolutions.append(given)
        elif node.op_type == "Pow" and given:
            found.exponents.append(given[0])
        elif node.op_type == "Gemm":
            found.projections.append(given)
    return found


def _fill(embedder: Any, constants: _Constants, model: Path) -> None:
    nn = import_framework("torch.nn")
    layers = [
        layer
        for layer in embedder.trunk.modules()
        if isinstance(layer, (nn.Conv2d, nn.BatchNorm2d))
    ]
    convolutions = iter(constants.convolutions)
    roots = iter(constants.exponents[1::2])  # 1 / p, a vector: not rounded, as the p before it is
    try:
        for at, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d):
                continue
            behind = layers[at + 1] if at + 1 < len(layers) else None
            behind = behind if isinstance(behind, nn.BatchNorm2d) else None
            _set_convolution(layer, behind, *next(convolutions))
        for pool in embedder.pools:
            for exponent in pool.parameters():
                _set(exponent, np.float32(1) / next(roots).ravel())
        if embedder.projection is not None:
            weights, bias = constants.projections[0]
            _set(embedder.projection.weight, weights)
            _set(embedder.projection.bias, bias)
    except (StopIteration, IndexError, ValueError, TypeError) as error:
        reason = str(error) or "it has other layers"
        raise _other_network(model, reason) from error
    if next(convolutions, None) is not None:
        raise _other_network(model, "it has more layers")


def _set_convolution(layer: Any, normalisation: Any, kernel: Any, bias: Any = None) -> None:
    """A normalisation behind it becomes idle, but for the shift that was folded."""
    _set(layer.weight, kernel)
    if normalisation is None:
        if layer.bias is not None:
            _set(layer.bias, bias)
        return
    shift = np.zeros(len(kernel), np.float32) if bias is None else bias
    if layer.bias is not None:
        _set(layer.bias, np.zeros_like(shift))
    one = np.ones_like(shift)
    _set(normalisation.bias, shift)
    _set(normalisation.weight, one * np.sqrt(np.float32(1 + normalisation.eps)))
    _set(normalisation.running_mean, np.zeros_like(shift))
    _set(normalisation.running_var, one)


def _set(tensor: Any, values: Any) -> None:
    torch = import_framework("torch")
    if tuple(tensor.shape) != values.shape:
        raise ValueError(f"a layer is {values.shape} there and {tuple(tensor.shape)} here")
    with torch.no_grad():
        tensor.copy_(torch.from_numpy(np.ascontiguousarray(values, np.float32)))


def _other_network(model: Path, reason: str) -> WeightsError:
    return WeightsError(
        f"{model}: not an embedder of this backbone, pooling and dimension ({reason}).",
        remedy="Give --backbone, --pooling and --dimension as it was trained with: its card "
        "has them.",
    )

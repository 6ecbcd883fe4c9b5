"""Store an ONNX file's weights in half precision (IEEE 754 binary16); computed is in float32.

Each kernel is followed by a Cast to float32. ONNX Runtime folds it when it opens the file (constant
folding, on in every session of ours), so that a query costs the same; only the file is smaller.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import WeightsError
from weights.frameworks.network import Everything, GraphNames, Network, import_framework
from weights.input_spec import InputSpec
from weights.parity import HALF_TOLERANCE, measure_parity, run_file
from weights.probe import image_probe
from weights.sidecar import Parity

# Vectors and scalars stay as they are: biases are a few thousandths of a network, and operators
# want their parameters (the scales of a Resize) as constants.
AXES = 2
SUFFIX = "_half"


def halve_file(network: Network, path: Path) -> Parity:
    """``halve`` an export of ``network`` and compare it with the network again.

    Raises WeightsError where it differs by more than ``HALF_TOLERANCE`` times the largest value.
    """
    halve(path)
    try:
        return measure_parity(network, path, HALF_TOLERANCE)
    except WeightsError as error:
        raise WeightsError(
            f"Half precision does not hold the weights: {error}",
            remedy="Store them without --half.",
        ) from error


def as_it_runs(model: Path, spec: InputSpec) -> Network:
    """An ONNX file as the network to be stored, and to compare what is stored with.

    Raises WeightsError for a file that ONNX Runtime cannot run on images as ``spec`` prepares them.
    """
    probe = image_probe(spec)
    output = run_file(model, probe)[0].shape[1:]
    graph = import_framework("onnx").load(str(model)).graph
    result, *layers = [value.name for value in graph.output]
    names = GraphNames(graph.name, graph.input[0].name, result, tuple(layers))
    everything = Everything(lambda batch: tuple(run_file(model, batch)), (probe,))
    return Network(
        lambda batch: run_file(model, batch)[0],
        lambda path: shutil.copyfile(model, path),
        output,
        probe,
        names,
        everything if layers else None,
    )


def halve(path: Path) -> int:
    """Rewrite an ONNX file with its float32 constants of two axes and more as float16.

    Rounded to 11 significant bits; a constant that has a value beyond float16's largest (65504)
    stays in float32. Names, inputs and outputs stay. Returns how many constants were halved.
    """
    onnx = import_framework("onnx")
    model = onnx.load(str(path))
    casts = [_halve(onnx, tensor) for tensor in model.graph.initializer if _fits(onnx, tensor)]
    nodes = [type(node).FromString(node.SerializeToString()) for node in model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
    return len(casts)


def _fits(onnx: Any, tensor: Any) -> bool:
    is_kernel = len(tensor.dims) >= AXES and 0 not in tensor.dims
    if tensor.data_type != onnx.TensorProto.FLOAT or not is_kernel:
        return False
    return bool(np.abs(onnx.numpy_helper.to_array(tensor)).max() <= np.finfo(np.float16).max)


def _halve(onnx: Any, tensor: Any) -> Any:
    """Replace a constant's values, and give the node that makes float32 of them under its name."""
    name = tensor.name
    values = onnx.numpy_helper.to_array(tensor).astype(np.float16)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, f"{name}{SUFFIX}"))
    return onnx.helper.make_node(
        "Cast", [tensor.name], [name], name=f"Cast_{name}", to=onnx.TensorProto.FLOAT
    )

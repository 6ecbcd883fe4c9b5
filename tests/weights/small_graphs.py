"""Small ONNX networks made by hand: a convolution of 1 x 1, averaged."""

import functools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from tests.weights.loopback import SPEC
from weights.frameworks.network import Everything, GraphNames, Network
from weights.probe import image_probe

KERNEL = np.linspace(-1, 1, 12, dtype=np.float32).reshape(4, 3, 1, 1)
BIAS = np.linspace(0, 1, 4, dtype=np.float32)


def write_network(
    path: Path,
    *,
    prefix: str = "v",
    reverse_constants: bool = False,
    unused: bool = False,
    batch: int | str = "N",
    kernel: npt.NDArray[np.float32] = KERNEL,
    maps: bool = False,
) -> Path:
    """(N, 3, 8, 8) -> (N, 4): Conv, Relu, mean; the arguments change names, never meaning.

    ``maps``: images of any height and width, and what Relu gives as a second output.
    """
    image, conv, relu, features = (f"{prefix}_{name}" for name in ("image", "conv", "relu", "out"))
    constants = [
        numpy_helper.from_array(kernel, f"{prefix}_kernel"),
        numpy_helper.from_array(BIAS, f"{prefix}_bias"),
        numpy_helper.from_array(np.array([-1 if batch == "N" else batch, 4]), f"{prefix}_shape"),
        numpy_helper.from_array(np.array([2, 3]), f"{prefix}_axes"),
    ]
    if unused:
        constants.append(numpy_helper.from_array(BIAS, f"{prefix}_unused"))
    if reverse_constants:
        constants.reverse()
    nodes = [
        helper.make_node("Conv", [image, f"{prefix}_kernel", f"{prefix}_bias"], [conv]),
        helper.make_node("Relu", [conv], [relu], name=f"{prefix}/relu", doc_string="/home/me.py"),
        helper.make_node("ReduceMean", [relu, f"{prefix}_axes"], [f"{prefix}_mean"], keepdims=0),
        helper.make_node("Reshape", [f"{prefix}_mean", f"{prefix}_shape"], [features]),
    ]
    sides = [f"{prefix}*h", f"{prefix}*w"] if maps else [8, 8]
    outputs = [helper.make_tensor_value_info(features, TensorProto.FLOAT, [batch, 4])]
    if maps:
        outputs.append(helper.make_tensor_value_info(relu, TensorProto.FLOAT, [batch, 4, *sides]))
    graph = helper.make_graph(
        nodes,
        f"{prefix} graph",
        [helper.make_tensor_value_info(image, TensorProto.FLOAT, [batch, 3, *sides])],
        outputs,
        constants,
    )
    opset = helper.make_opsetid("", 18)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=10, doc_string=prefix)
    onnx.save(model, str(path))
    return path


def network_features(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The same network in numpy."""
    means: npt.NDArray[np.float32] = network_map(batch).mean(axis=(2, 3), dtype=np.float32)
    return means


def network_map(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    convolved = np.einsum("nchw,oc->nohw", batch, KERNEL[:, :, 0, 0]) + BIAS[:, None, None]
    rectified: npt.NDArray[np.float32] = np.maximum(convolved, 0).astype(np.float32)
    return rectified


def toy_network(
    run: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]] = network_features,
    output: tuple[int, ...] = (4,),
) -> Network:
    """As a loader would hand it over, writing the same network as ONNX."""
    return Network(run, write_network, output, image_probe(SPEC))


def toy_with_map(
    map_: Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]] = network_map,
) -> Network:
    """The same with a map beside the features, to be shown at 8 x 8 and at 6 x 4 pixels."""
    probe = image_probe(SPEC)
    everything = Everything(
        lambda batch: (network_features(batch), map_(batch)),
        (probe, image_probe(replace(SPEC, height=6, width=4))),
    )
    names = GraphNames(layers=("relu",))
    write = functools.partial(write_network, maps=True)
    return Network(network_features, write, (4,), probe, names, everything)

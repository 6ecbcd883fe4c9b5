"""ONNX files of one operation."""

from __future__ import annotations

from collections.abc import Sequence

import onnx
from onnx import TensorProto, helper


def model(
    operation: str = "Relu",
    *,
    opset: int = 17,
    version: int = 8,
    shape: Sequence[int | str] = (1, 3),
    kind: str = "FLOAT",
    inputs: Sequence[str] = ("x",),
) -> bytes:
    """The operation's output is "y"; all have the same shape and type."""
    ports = {
        name: helper.make_tensor_value_info(name, getattr(TensorProto, kind), list(shape))
        for name in (*inputs, "y")
    }
    node = helper.make_node(operation, list(inputs), ["y"])
    graph = helper.make_graph([node], "graph", [ports[name] for name in inputs], [ports["y"]])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = version
    return bytes(onnx.ModelProto.SerializeToString(made))

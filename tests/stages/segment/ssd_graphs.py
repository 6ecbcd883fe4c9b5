"""ONNX graphs that answer like an SSD300 whose boxes are known beforehand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from stages import _ssd

# Default boxes: one of 0.15 in the upper left, one of 0.69 around the middle.
SMALL = 38 * 38 * 4 + 6 * (19 * 4 + 4)
LARGE = 8732 - 4 - 9 * 4 + 4 * 4


def fixed_boxes_model(
    path: Path, boxes: dict[int, tuple[int, float]], *, classes: int = 91, rows: int = 8732
) -> Path:
    """Whatever the image, default box -> (label, logit); everything else is background."""
    answer = np.zeros((1, rows, 4 + classes), np.float32)
    answer[:, :, 4] = 10.0
    for place, (label, logit) in boxes.items():
        answer[0, place, 4 + label] = logit
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["mean"], axes=[1, 2, 3], keepdims=1),
        helper.make_node("Mul", ["mean", "nothing"], ["zero"]),
        helper.make_node("Reshape", ["zero", "shape"], ["zeros"]),
        helper.make_node("Add", ["zeros", "answer"], ["heads"]),
    ]
    constants = {
        "nothing": np.zeros(1, np.float32),
        "shape": np.array([-1, 1, 1]),
        "answer": answer,
    }
    graph = helper.make_graph(
        nodes,
        "detector",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 300, 300])],
        [helper.make_tensor_value_info("heads", TensorProto.FLOAT, ["n", rows, 4 + classes])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    onnx.save(model, path)
    path.with_suffix(".toml").write_text(
        "[input]\nheight = 300\nwidth = 300\nrange = 'unit'\nmean = [0, 0, 0]\nstd = [1, 1, 1]\n"
        "interpolation = 'bilinear'\nlayout = 'nchw'\n",
        "utf-8",
    )
    return path


def default_area(place: int) -> float:
    """Fraction of the image that a default box covers."""
    nothing = np.zeros((1, 4))
    (box,) = _ssd.decode(nothing, _ssd.default_boxes()[place : place + 1])
    return float(np.prod(box[2:] - box[:2]))

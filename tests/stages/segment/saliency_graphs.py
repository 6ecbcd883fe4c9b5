"""Small ONNX graphs that answer like published saliency networks: brightness is saliency."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Axes = list[int | str]


def brightness_model(
    path: Path,
    *,
    side: tuple[int | str, int | str] = ("h", "w"),
    layout: str = "nchw",
    gain: float = 1.0,
    offset: float = 0.0,
    batch: int | str = "n",
    decoys: int = 0,
    number: int = TensorProto.FLOAT,
) -> Path:
    """gain * (mean of the channels) + offset, (N, 1, H, W) or (N, H, W, 1); the last output.

    ``decoys`` outputs of zeros come before it.
    """
    channel = 1 if layout == "nchw" else 3
    image: Axes = [batch, 3, *side] if layout == "nchw" else [batch, *side, 3]
    answer: Axes = [batch, 1, *side] if layout == "nchw" else [batch, *side, 1]
    kind = helper.tensor_dtype_to_np_dtype(number)
    constants = {"gain": gain, "offset": offset, "nothing": 0.0}
    nodes = [
        helper.make_node("ReduceMean", ["image"], ["grey"], axes=[channel], keepdims=1),
        helper.make_node("Mul", ["grey", "gain"], ["scaled"]),
        *(helper.make_node("Mul", ["grey", "nothing"], [f"decoy{i}"]) for i in range(decoys)),
        helper.make_node("Add", ["scaled", "offset"], ["map"]),
    ]
    names = [*(f"decoy{i}" for i in range(decoys)), "map"]
    graph = helper.make_graph(
        nodes,
        "brightness",
        [helper.make_tensor_value_info("image", number, image)],
        [helper.make_tensor_value_info(name, number, answer) for name in names],
        [numpy_helper.from_array(np.array([v], kind), name) for name, v in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    onnx.checker.check_model(model)
    onnx.save(model, path)
    return path


def write_spec(
    model: Path, height: int, width: int, *, layout: str = "nchw", output: str = ""
) -> None:
    """A sidecar: pixels in 0..1, nothing subtracted."""
    model.with_suffix(".toml").write_text(
        f"[input]\nheight = {height}\nwidth = {width}\nrange = 'unit'\nmean = [0, 0, 0]\n"
        f"std = [1, 1, 1]\ninterpolation = 'bilinear'\nlayout = '{layout}'\n"
        + (f"[output]\n{output}\n" if output else ""),
        "utf-8",
    )

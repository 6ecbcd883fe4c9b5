"""Small ONNX files that stand in for matting networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from engine.types import FloatArray


def last_channel_model(path: Path, channels: int) -> None:
    """(N, channels, H, W) -> (N, 1, H, W): the last channel itself."""
    kernel = np.zeros((1, channels, 1, 1), np.float32)
    kernel[0, -1] = 1.0
    mixing_model(path, kernel)


def mixing_model(path: Path, kernel: FloatArray) -> None:
    """(N, C, H, W) -> (N, 1, H, W): a sum over channels, weighted by ``kernel`` (1, C, 1, 1)."""
    float32, channels = TensorProto.FLOAT, kernel.shape[1]
    graph = helper.make_graph(
        [helper.make_node("Conv", ["image", "kernel"], ["matte"])],
        "mixing",
        [helper.make_tensor_value_info("image", float32, ["n", channels, "h", "w"])],
        [helper.make_tensor_value_info("matte", float32, ["n", 1, "h", "w"])],
        [numpy_helper.from_array(kernel, "kernel")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=9)
    checker.check_model(model)
    save(model, str(path))

"""What is shown of ONNX Runtime's reasons."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from engine.errors import WeightsError
from stages._session import OnnxSession


def model(operation: str = "Relu", *, opset: int = 17, version: int = 8) -> bytes:
    sides = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    node = helper.make_node(operation, ["x"], ["y"])
    graph = helper.make_graph([node], "graph", sides[:1], sides[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])
    made.ir_version = version
    return bytes(onnx.ModelProto.SerializeToString(made))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (model("Nonsense"), "No Op registered for Nonsense"),
        (model(opset=99), "Current official support for domain ai.onnx is till opset"),
        (model(version=99), "Unsupported model IR version: 99"),
        (model()[:40], "Protobuf parsing failed"),
    ],
)
def test_the_reason_is_shown_and_what_precedes_it_is_not(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / ("deep" * 50) / "model.onnx"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(WeightsError) as refused:
        OnnxSession(path, threads=1)
    shown = str(refused.value)
    assert reason in shown
    assert shown.count(str(path)) == 1 and "onnxruntime::" not in shown

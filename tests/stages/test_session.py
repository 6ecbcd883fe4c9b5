"""What is shown of ONNX Runtime's reasons."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.errors import WeightsError
from stages._session import OnnxSession
from tests.stages.made_models import model


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

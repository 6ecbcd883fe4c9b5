"""What a session shows of ONNX Runtime's reasons, and batches of several threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.errors import WeightsError
from engine.parallel import each
from stages._network import Array, Port
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


class _OneAtATime:
    """A network that fails where two batches meet in it."""

    inputs = outputs = (Port("x", "float32", (None, 1)),)

    def __init__(self) -> None:
        self._inside = threading.Lock()

    def run(self, batch: Array, outputs: Sequence[int]) -> list[Array]:
        assert self._inside.acquire(blocking=False)
        time.sleep(0.02)
        self._inside.release()
        return [batch]


def test_batches_of_several_threads_take_turns() -> None:
    session = OnnxSession(Path("model.onnx"), threads=1, content=model())
    session.network = _OneAtATime()
    batches = [np.full((1, 1), number, np.float32) for number in range(4)]
    found = each(session.run, batches, threads=2)
    assert [float(batch[0, 0]) for batch in found] == [0.0, 1.0, 2.0, 3.0]

"""The only file that opens a model runtime: ONNX Runtime on the CPU."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime as ort

from engine.errors import WeightsError
from engine.types import FloatArray
from weights.mistaken import require_no_mistake

# ONNX Runtime's names of accepted input types. Half precision is computed in float32 on a CPU, but
# some published files declare it for their input.
_DTYPES: dict[str, type[np.floating]] = {
    "tensor(float)": np.float32,
    "tensor(float16)": np.float16,
}

REASON = 600  # characters of the runtime's reason at most; of a longer one both ends are shown
_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
# As in "/src/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, ...) ".
_SOURCE = re.compile(
    r"\S+\.(?:cc|h):\d+ (?:(?:[\w:<>&*]+ )*[\w:<>~]*::[^\s(]*\(.*?\)(?: const)? )?"
)


class OnnxSession:
    """One ONNX model with a single image input; runs batches and returns the named output.

    A model exported with a fixed batch axis is run image by image. ``content``: the file's bytes,
    where they were read already; ``path`` then only names it.
    """

    def __init__(self, path: Path, *, threads: int, content: bytes | None = None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = max(1, threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # Spinning threads would occupy the cores that the decoding processes need.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = ort.InferenceSession(
                str(path) if content is None else content,
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # the runtime raises a family of private types
            require_no_mistake(path)
            raise WeightsError(
                f"{path}: not a model that ONNX Runtime can open ({_reason(error, path)}).",
                remedy="Check the file with: packsight weights verify",
            ) from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise WeightsError(f"{path}: has {len(inputs)} inputs where one image is expected.")
        if inputs[0].type not in _DTYPES:
            raise WeightsError(
                f"{path}: takes {inputs[0].type} where {' or '.join(_DTYPES)} is expected.",
                remedy="Export the model with an input of float32.",
            )
        self.path = path
        self._input = inputs[0].name
        self._dtype = _DTYPES[inputs[0].type]
        self.input_shape: tuple[int | str | None, ...] = tuple(inputs[0].shape)
        self.output_names = tuple(output.name for output in self._session.get_outputs())
        self.output_shapes = tuple(tuple(output.shape) for output in self._session.get_outputs())

    def check_output(self, index: int, named_in: str) -> None:
        """WeightsError, which names ``named_in``, where the model has no output of this index."""
        count = len(self.output_names)
        if not -count <= index < count:
            raise WeightsError(
                f"{self.path}: has no output {index}: there are {count} "
                f"({', '.join(self.output_names)}).",
                remedy=f"Give an index from 0 to {count - 1} in {named_in}.",
            )

    def run(self, batch: FloatArray, output: int = 0) -> FloatArray:
        """Run (N, …) float32 and return the given output, (N, …) float32."""
        return self.run_all(batch, (output,))[0]

    def run_all(self, batch: FloatArray, outputs: Sequence[int]) -> list[FloatArray]:
        """Run once and return the given outputs in their order, each (N, …) float32."""
        fixed = self.input_shape[0]
        if isinstance(fixed, int) and fixed != len(batch):
            rows = [self._run(batch[i : i + 1], outputs) for i in range(len(batch))]
            empty = np.empty((0,), np.float32)
            return [np.concatenate([*row]) for row in zip(*rows, strict=True)] or [empty] * len(
                outputs
            )
        return self._run(batch, outputs)

    def _run(self, batch: FloatArray, outputs: Sequence[int]) -> list[FloatArray]:
        feed = {self._input: np.ascontiguousarray(batch, self._dtype)}
        results = self._session.run([self.output_names[output] for output in outputs], feed)
        return [np.asarray(result, dtype=np.float32) for result in results]


def _reason(error: Exception, path: Path) -> str:
    """The runtime's message without what precedes its reason: codes, paths, lines of its source."""
    text = re.sub(rf"Load model (from )?{re.escape(str(path))} failed[:.] ?", "", str(error))
    text = _SOURCE.sub("", _CODE.sub("", " ".join(text.split()))).rstrip(".")
    half = REASON // 2
    shown = text if len(text) <= REASON else f"{text[:half]} … {text[-half:]}"
    return shown or type(error).__name__

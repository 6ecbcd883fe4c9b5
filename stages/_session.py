"""The one door to the model runtimes: ONNX files that stages run in batches."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np

from engine.errors import ConfigError, WeightsError
from engine.machine import Backend
from engine.types import FloatArray
from stages._network import Network, NotOpenedError
from weights.mistaken import require_no_mistake

# Accepted input types. Half precision is computed in float32 on a CPU, but some published files
# declare it for their input.
_DTYPES: dict[str, type[np.floating]] = {"float32": np.float32, "float16": np.float16}

REASON = 600  # characters of the runtime's reason at most; of a longer one both ends are shown

RUNTIMES: dict[Backend, str] = {"onnxruntime": "ONNX Runtime", "openvino": "OpenVINO"}


class OnnxSession:
    """One ONNX model with a single image input; runs batches and returns the named output.

    A model exported with a fixed batch axis is run image by image. ``content``: the file's bytes,
    where they were read already; ``path`` then only names it. ``sha256``: of the file, by which a
    runtime that compiles keeps what it compiled in the user's cache. ``backend``: the runtime;
    ``device``: one of ONNX Runtime's providers. Neither changes more than rounding. Raises
    WeightsError, and ConfigError where the runtime or the device is not there.
    """

    def __init__(
        self,
        path: Path,
        *,
        threads: int,
        content: bytes | None = None,
        sha256: str | None = None,
        backend: Backend = "onnxruntime",
        device: str = "cpu",
    ) -> None:
        require_runtime(backend, device)
        self.path = path
        self.threads = threads
        self.sha256 = sha256
        self.backend: Backend = backend
        self.device = device
        source = path if content is None else content
        self.network: Network = _opened(path, source, backend, device, threads, sha256)
        inputs, outputs = self.network.inputs, self.network.outputs
        if len(inputs) != 1:
            raise WeightsError(f"{path}: has {len(inputs)} inputs where one image is expected.")
        if inputs[0].type not in _DTYPES:
            raise WeightsError(
                f"{path}: takes {inputs[0].type} where {' or '.join(_DTYPES)} is expected.",
                remedy="Export the model with an input of float32.",
            )
        self._dtype = _DTYPES[inputs[0].type]
        # One batch occupies the threads; several at once would take the memory of each, for U²-Netp
        # 300 MB, and gain nothing.
        self._turn = threading.Lock()
        self.input_shape = inputs[0].shape
        self.output_names = tuple(output.name for output in outputs)
        self.output_shapes = tuple(output.shape for output in outputs)

    @property
    def runs_by(self) -> str:
        """Such as "ONNX Runtime 1.23.2 on cpu"."""
        return f"{RUNTIMES[self.backend]} {runtime_version(self.backend)} on {self.device}"

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
        count = len(self.output_names)
        places = [output + count if output < 0 else output for output in outputs]
        given = np.ascontiguousarray(batch, self._dtype)
        with self._turn:
            results = self.network.run(given, places)
        return [np.asarray(result, dtype=np.float32) for result in results]


@cache
def runtime_version(backend: Backend) -> str:
    """Of the installed package; "none" where there is none."""
    try:
        return version(backend)
    except PackageNotFoundError:  # ONNX Runtime's packages for other devices have other names
        found = find_spec(backend)
        return "none" if found is None else str(import_module(backend).__version__)


def require_runtime(backend: Backend | Literal["auto"], device: str) -> None:
    """ConfigError where the runtime or the device is not there."""
    if backend == "openvino":
        from stages._openvino import require_installed

        require_installed()
        if device != "cpu":
            raise ConfigError(
                f'[runtime] device = {device!r}: backend = "openvino" runs on the cpu alone.',
                remedy="Leave one of them out, such as with: --set runtime.backend=onnxruntime",
            )
    elif device != "cpu":
        from stages._onnxruntime import providers

        providers(device)


def _opened(
    path: Path,
    source: Path | bytes,
    backend: Backend,
    device: str,
    threads: int,
    sha256: str | None,
) -> Network:
    """WeightsError where the runtime cannot open it."""
    try:
        # Each is imported where it is chosen: both are large.
        if backend == "onnxruntime":
            from stages._onnxruntime import OnnxRuntime

            return OnnxRuntime(source, threads=threads, device=device)
        from stages._openvino import OpenVino

        return OpenVino(source, threads=threads, sha256=sha256)
    except NotOpenedError as refused:
        require_no_mistake(path)
        raise WeightsError(
            f"{path}: not a model that {RUNTIMES[backend]} can open ({_shortened(str(refused))}).",
            remedy="Check the file with: packsight weights verify"
            if backend == "onnxruntime"
            else "Run it by the other runtime: --set runtime.backend=onnxruntime; or check the "
            "file with: packsight weights verify",
        ) from refused


def _shortened(reason: str) -> str:
    half, reason = REASON // 2, reason.rstrip(".")
    return reason if len(reason) <= REASON else f"{reason[:half]} … {reason[-half:]}"

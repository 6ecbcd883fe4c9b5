"""Networks that ONNX Runtime runs, on the processor or by another of its providers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import onnxruntime as ort

from engine.errors import ConfigError
from stages._network import Array, NotOpenedError, Port

_CPU = "CPUExecutionProvider"
_SUFFIX = "ExecutionProvider"
_REMOTE = "azure"  # a provider that sends inputs to a server

# ONNX Runtime's names of number types that NumPy names otherwise.
_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64"}

# How long a thread looks out for the next operator of a run before it sleeps. Short: threads that
# spin occupy the cores that the decoding processes need. Releases before 1.26 know no such limit
# and do not spin. On two idle cores the networks of ``compact`` take 6.9 and 3.3 ms with it, 7.8
# and 3.9 without; on busy ones as long as before, 18 and 20 ms, and 10 and 10.
_SPINNING = {"session.intra_op.allow_spinning": "0"}
if tuple(map(int, ort.__version__.split(".")[:2])) >= (1, 26):
    _SPINNING = {
        "session.intra_op.allow_spinning": "1",
        "session.intra_op.spin_duration_us": "20",
        "session.force_spinning_stop": "1",
    }

# Settings of providers without which their numbers are further from the processor's: CUDA would
# round every factor of a product to 10 bits.
_EXACT = {"CUDAExecutionProvider": {"use_tf32": "0"}}

# It makes the kernels of layers between integer ones integer too, with one step for all channels:
# those that were left in float32 because that hurts. Networks in float32 have none such.
_DISABLED = ["WeightBiasQuantization"]

_CODE = re.compile(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ")
# As in "/src/core/graph/model.cc:256 onnxruntime::Model::Model(onnx::ModelProto&&, ...) ".
_SOURCE = re.compile(
    r"\S+\.(?:cc|h):\d+ (?:(?:[\w:<>&*]+ )*[\w:<>~]*::[^\s(]*\(.*?\)(?: const)? )?"
)


class OnnxRuntime:
    """A network in a session of its own. Raises ConfigError for a device that is not there."""

    def __init__(self, source: Path | bytes, *, threads: int, device: str = "cpu") -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = max(1, threads)
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        for key, value in _SPINNING.items():
            options.add_session_config_entry(key, value)
        wanted = providers(device)
        try:
            self._session = ort.InferenceSession(
                str(source) if isinstance(source, Path) else source,
                options,
                providers=wanted,
                provider_options=[_EXACT.get(name, {}) for name in wanted],
                disabled_optimizers=_DISABLED,
            )
        except Exception as error:  # the runtime raises a family of private types
            raise NotOpenedError(_reason(error, source)) from error
        _require_started(wanted[0], device, self._session.get_providers())
        self.inputs = tuple(map(_port, self._session.get_inputs()))
        self.outputs = tuple(map(_port, self._session.get_outputs()))

    def run(self, batch: Array, outputs: Sequence[int]) -> list[Array]:
        names = [self.outputs[output].name for output in outputs]
        found: list[Array] = self._session.run(names, {self.inputs[0].name: batch})
        return found


def providers(device: str, available: Sequence[str] | None = None) -> list[str]:
    """The provider of a device, and the processor's for what it cannot run. ConfigError where the
    installed ONNX Runtime has no such provider."""
    installed = ort.get_available_providers() if available is None else available
    devices = {name.removesuffix(_SUFFIX).lower(): name for name in installed}
    devices.pop(_REMOTE, None)
    if device not in devices:
        raise ConfigError(
            f"[runtime] device = {device!r}: the installed ONNX Runtime {ort.__version__} has none "
            f"such. It has: {', '.join(sorted(devices))}.",
            remedy="Install the ONNX Runtime that has it in place of onnxruntime (for cuda: pip "
            "install onnxruntime-gpu), or leave it out: --set runtime.device=cpu",
        )
    return list(dict.fromkeys((devices[device], _CPU)))


def _require_started(provider: str, device: str, started: Sequence[str]) -> None:
    """ONNX Runtime goes on with the processor alone where a provider fails to start."""
    if provider not in started:
        raise ConfigError(
            f"[runtime] device = {device!r}: {provider} did not start: its libraries or its device "
            "are not there.",
            remedy="Install what ONNX Runtime's page on that provider names (for cuda: a driver, "
            "CUDA and cuDNN), or leave it out: --set runtime.device=cpu",
        )


def _port(found: ort.NodeArg) -> Port:
    named = _TYPES.get(found.type, found.type.removeprefix("tensor(").removesuffix(")"))
    return Port(found.name, named, tuple(found.shape))


def _reason(error: Exception, source: Path | bytes) -> str:
    """The runtime's message without what precedes its reason: codes, paths, lines of its source."""
    text = str(error)
    if isinstance(source, Path):
        text = re.sub(rf"Load model (from )?{re.escape(str(source))} failed[:.] ?", "", text)
    return _SOURCE.sub("", _CODE.sub("", " ".join(text.split()))) or type(error).__name__

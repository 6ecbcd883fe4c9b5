"""Networks that OpenVINO runs on the processor, from the extra ``openvino``."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from engine.errors import ConfigError
from engine.types import UInt8Array
from stages._compiled import CompiledNetworks
from stages._network import Array, NotOpenedError, Port

# The package imports it where it can: it converts models of other formats, takes 80 % of the time
# of the import, and sends its makers a message of it.
_CONVERTER = "openvino.tools.ovc"
_PROCESSOR = ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
_log = logging.getLogger(__name__)

# As in "Check 'false' failed at src/frontends/common/src/frontend.cpp:117:".
_SOURCE = re.compile(r"(?:Exception from|Check '.*?' failed at) \S+:\d+:|FrontEnd API failed with ")


class OpenVino:
    """A compiled network. ``sha256``: of the file; where it is given, what was compiled is kept in
    the user's cache."""

    def __init__(self, source: Path | bytes, *, threads: int, sha256: str | None = None) -> None:
        _core()
        try:
            self._compiled, mapped = _kept(source, max(1, threads), sha256)
        except Exception as error:  # RuntimeErrors, and those of the front end
            raise NotOpenedError(_reason(error)) from error
        self.inputs = tuple(map(_port, self._compiled.inputs))
        self.outputs = tuple(map(_port, self._compiled.outputs))
        self._request = self._compiled.create_infer_request()
        # The network's memory. Last, and so released last.
        self._mapped = mapped

    def run(self, batch: Array, outputs: Sequence[int]) -> list[Array]:
        self._request.infer([batch], share_inputs=True)
        # Copies: the request's own memory holds the next batch's outputs.
        return [np.array(self._request.get_output_tensor(output).data) for output in outputs]


def require_installed() -> None:
    if find_spec("openvino") is None:
        raise ConfigError(
            '[runtime] backend = "openvino": OpenVINO is not installed.',
            remedy='Install it with: pip install "packsight[openvino]"; or leave it out: '
            "--set runtime.backend=auto",
        )


def _kept(source: Path | bytes, threads: int, sha256: str | None) -> tuple[Any, UInt8Array | None]:
    """Compiled, or as it was compiled before, in memory that must outlast it."""
    kept = CompiledNetworks.of_user() if sha256 else None
    if kept is None or sha256 is None:
        return _compiled(source, threads), None
    properties, core = _properties(threads), _core()
    # Another release, or another processor, compiles otherwise.
    key = (
        sha256,
        str(_openvino().__version__),
        *(str(core.get_property("CPU", name)) for name in _PROCESSOR),
        str(properties),
    )
    content = kept.read(*key)
    if content is not None:
        try:
            tensor = _openvino().Tensor(content, shared_memory=True)
            return core.import_model(tensor, "CPU", properties), content
        except RuntimeError as error:
            _log.warning("%s: compiled anew (%s)", source, _reason(error))
    compiled = _compiled(source, threads)
    kept.put(compiled.export_model().getvalue(), *key)
    return compiled, None


def _compiled(source: Path | bytes, threads: int) -> Any:
    return _core().compile_model(_converted(source), "CPU", _properties(threads))


def _converted(source: Path | bytes) -> Any:
    # ONNX alone: to find out the format of a damaged file, every front end would print why it
    # cannot read it.
    frontend = _openvino().frontend.FrontEndManager().load_by_framework("onnx")
    return frontend.convert(
        frontend.load(str(source) if isinstance(source, Path) else BytesIO(source))
    )


def _properties(threads: int) -> dict[str, object]:
    return {
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_NUM_THREADS": threads,
        # A processor that has bfloat16 would compute in it.
        "INFERENCE_PRECISION_HINT": "f32",
        # Every process would put its threads on the same cores.
        "ENABLE_CPU_PINNING": False,
    }


@cache
def _core() -> Any:
    return _openvino().Core()


@cache
def _openvino() -> Any:
    """The package without its converter, unless that was imported before."""
    if "openvino" in sys.modules:
        return import_module("openvino")
    sys.modules[_CONVERTER] = None  # type: ignore[assignment]  # as if it were not installed
    try:
        return import_module("openvino")
    except ImportError as error:  # of its libraries
        raise ConfigError(
            f"OpenVINO is installed and cannot be loaded ({error}).",
            remedy='Install it anew: pip install --force-reinstall "packsight[openvino]"; or leave '
            "it out: --set runtime.backend=onnxruntime",
        ) from error
    finally:
        del sys.modules[_CONVERTER]


def _port(found: Any) -> Port:
    lengths = (None if axis.is_dynamic else axis.get_length() for axis in found.partial_shape)
    kind = np.dtype(found.element_type.to_dtype()).name
    # Where operations fall away, an output has their results' names too. Its node has its own.
    own = found.node.friendly_name.partition("/sink_port_")[0]
    return Port(own if own in found.names else found.any_name, kind, tuple(lengths))


def _reason(error: Exception) -> str:
    return _SOURCE.sub("", " ".join(str(error).split())).strip() or type(error).__name__

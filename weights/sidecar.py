"""The TOML beside an exported ONNX file: its input, its source and its parity."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import get_args

from engine.errors import WeightsError
from engine.machine import Backend
from weights.input_spec import InputSpec, parse_input_spec
from weights.output_spec import OutputSpec, parse_output_spec
from weights.toml_text import toml_lines


@dataclass(frozen=True)
class ModelFacts:
    """Table [model]: the ONNX file itself."""

    name: str
    output: tuple[int, ...]  # of one image, without the batch axis
    opset: int
    sha256: str


@dataclass(frozen=True)
class SourceFacts:
    """Table [source]: the checkpoint that it was made from."""

    file: str
    sha256: str
    verified: bool


@dataclass(frozen=True)
class Parity:
    """Table [parity]: the largest absolute difference to the framework's own output."""

    max_abs_diff: float
    tolerance: float
    largest: float  # absolute value of the output, for scale
    images: int


@dataclass(frozen=True)
class Int8Facts:
    """Table [int8]: how the network of table [source] was made integer, and what that changed.

    ``images``: inputs that the ranges were measured on. ``compared``: whether a data set decided
    that it finds the same; then ``quality`` has a line for each metric. ``time``: by runtime and
    clock, the fraction of the float32 network's. ``runtime``: what it was laid out for and compared
    by.
    """

    images: int
    clipping: str
    float_layers: tuple[str, ...]
    compared: bool = False
    quality: tuple[str, ...] = ()
    time: Mapping[str, float] = field(default_factory=dict)
    runtime: Backend = "onnxruntime"


@dataclass(frozen=True)
class Sidecar:
    """The TOML of an ONNX file; only [input] is required, so one can be written by hand."""

    input: InputSpec
    sha256: str | None = None  # of the ONNX file; None: not in the TOML
    source_verified: bool = False  # whether the checkpoint matched a published checksum
    output: OutputSpec = field(default_factory=OutputSpec)  # matters to saliency networks only
    # sha256 of the network in float32 that this one was compared with, see ``Int8Facts``.
    int8_of: str | None = None
    int8_runtime: Backend | None = None  # None: not in int8, or not known


def sidecar_path(model: Path) -> Path:
    return model.with_suffix(".toml")


def read_sidecar(model: Path) -> Sidecar | None:
    """The sidecar of an ONNX file, None when there is none; WeightsError when it is invalid."""
    path = sidecar_path(model)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: the sidecar cannot be read ({error}).",
            remedy="Export the model again with: packsight weights export NAME",
        ) from error
    spec = parse_input_spec(_table(content, "input", path), f"{path} [input]")
    sha256 = _table(content, "model", path).get("sha256")
    verified = _table(content, "source", path).get("verified") is True
    output = parse_output_spec(content.get("output"), f"{path} [output]")
    compared = _table(content, "int8", path).get("compared") is True
    int8_of = _table(content, "source", path).get("sha256") if compared else None
    runtime = _table(content, "int8", path).get("runtime")
    return Sidecar(
        spec,
        str(sha256) if sha256 else None,
        verified,
        output,
        str(int8_of) if int8_of else None,
        next((one for one in get_args(Backend) if one == runtime), None),
    )


def sidecar_text(
    model: ModelFacts,
    source: SourceFacts,
    parity: Parity,
    spec: InputSpec,
    output: OutputSpec | None = None,
    int8: Int8Facts | None = None,
) -> str:
    """The TOML that ``read_sidecar`` reads; a table [output] only where it is not the default."""
    tables = {
        "model": asdict(model),
        "source": asdict(source),
        "parity": asdict(parity),
        "input": asdict(spec),
    }
    if output not in (None, OutputSpec()):
        tables["output"] = asdict(output)
    if int8 is not None:
        tables["int8"] = asdict(int8)
    lines = ["# Written by Packsight beside the ONNX file of the same name."]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *toml_lines(table)]
    return "\n".join(lines) + "\n"


def _table(content: Mapping[str, object], name: str, path: Path) -> Mapping[str, object]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise WeightsError(f"{path}: {name} must be a table.")
    return table

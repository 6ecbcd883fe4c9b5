"""The TOML beside an exported ONNX file: its input, its source and its parity."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from engine.errors import WeightsError
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
class Sidecar:
    """The TOML of an ONNX file; only [input] is required, so one can be written by hand."""

    input: InputSpec
    sha256: str | None = None  # of the ONNX file; None: not in the TOML
    source_verified: bool = False  # whether the checkpoint matched a published checksum
    output: OutputSpec = field(default_factory=OutputSpec)  # matters to saliency networks only


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
    return Sidecar(spec, str(sha256) if sha256 else None, verified, output)


def sidecar_text(
    model: ModelFacts,
    source: SourceFacts,
    parity: Parity,
    spec: InputSpec,
    output: OutputSpec | None = None,
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
    lines = ["# Written by Packsight beside the ONNX file of the same name."]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *toml_lines(table)]
    return "\n".join(lines) + "\n"


def _table(content: Mapping[str, object], name: str, path: Path) -> Mapping[str, object]:
    table = content.get(name, {})
    if not isinstance(table, dict):
        raise WeightsError(f"{path}: {name} must be a table.")
    return table

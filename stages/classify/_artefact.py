"""The artefact of a trained classifier: ``NAME.classifier.toml`` beside its ONNX file.

Labels, the temperature that calibrates its probabilities, when a photo is of no known category, and
how its images were cut out. ``NAME.toml`` (see ``weights.sidecar``) holds the rest.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.errors import ConfigError, WeightsError
from engine.probabilities import UnknownRule
from weights.toml_text import toml_lines, toml_value

# Raised when a reader of the former would misread the file.
VERSION = 1
SUFFIX = ".classifier.toml"
_AGAIN = "Train again, to the same --out: packsight train classifier"


class ClassifierArtefact(BaseModel):
    """The facts that serving needs, and the values that were measured with them.

    ``output``: what the ONNX file gives, (N, C) in the order of ``labels``. Probabilities are
    softmax(logits / temperature); of an ``output`` that is probabilities the logarithms are
    taken as logits. ``least_probability``: from which calibrated probability on a category is
    searched when routing goes by it (``route.by = "probability"``). ``cut``: the settings of the
    stages that cut its images out, a table a section, and ``cut_fingerprint`` of those stages;
    both empty where not known. ``model_sha256``: of the ONNX file that this belongs to.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    labels: tuple[str, ...] = Field(min_length=1)
    output: Literal["logits", "probabilities"]
    temperature: FiniteFloat = Field(default=1.0, gt=0)
    model_sha256: str = ""
    cut_fingerprint: str = ""
    least_probability: FiniteFloat | None = Field(default=None, ge=0, le=1)
    unknown: UnknownRule | None = None
    figures: Mapping[str, FiniteFloat] = Field(default_factory=dict)
    cut: Mapping[str, Mapping[str, Any]] = Field(default_factory=dict)

    @field_validator("labels")
    @classmethod
    def _distinct_text(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        seen: set[str] = set()
        for label in labels:
            toml_value(label)  # ValueError for what no TOML file can hold
            if not label.strip():
                raise ValueError("a label is empty")
            if label in seen:
                raise ValueError(f"the label {label!r} comes twice")
            seen.add(label)
        return labels

    @model_validator(mode="after")
    def _has_energy(self) -> Self:
        if self.unknown and self.unknown.score == "energy" and self.output != "logits":
            raise ValueError("energy needs logits, this model gives probabilities")
        return self

    def text(self) -> str:
        """The TOML that ``read_artefact`` reads; ValueError for settings TOML cannot hold."""
        facts = self.model_dump(exclude={"unknown", "figures", "cut"}, exclude_none=True)
        unknown = {} if self.unknown is None else {"unknown": self.unknown.model_dump()}
        tables: dict[str, Mapping[str, object]] = {**unknown, "figures": self.figures}
        tables |= {f"cut.{section}": table for section, table in self.cut.items()}
        lines = [
            "# Written by Packsight beside the ONNX file of the same name.",
            *toml_lines({"version": VERSION, **facts}),
        ]
        for name, table in tables.items():
            lines += ["", f"[{name}]", *toml_lines(table)]
        return "\n".join(lines) + "\n"

    @property
    def identity(self) -> str:
        """sha256 of all that changes a photo's scores; measured values do not."""
        content = self.model_dump(include={"labels", "output", "temperature", "unknown"})
        return hashlib.sha256(toml_value(_without_none(content)).encode()).hexdigest()


def artefact_path(model: Path) -> Path:
    """``DIR/NAME.onnx`` to ``DIR/NAME.classifier.toml``."""
    return model.with_suffix(SUFFIX)


def read_artefact(model: Path, model_sha256: str = "") -> ClassifierArtefact | None:
    """The artefact beside an ONNX file; None when there is none.

    Raises ConfigError for one of another version, WeightsError for a damaged one and for one
    that belongs to another model than that of ``model_sha256`` ("": not compared).
    """
    path = artefact_path(model)
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:  # not UTF-8, not TOML
        raise WeightsError(f"{path}: cannot be read ({error}).", remedy=_AGAIN) from error
    _check_version(path, content.pop("version", None))
    try:
        found = ClassifierArtefact.model_validate(content)
    except ValidationError as error:
        raise WeightsError(f"{path}: damaged: {_fault(error)}.", remedy=_AGAIN) from None
    if model_sha256 and found.model_sha256 not in ("", model_sha256):
        raise WeightsError(
            f"{path}: belongs to another model: it expects sha256 {found.model_sha256}, but "
            f"{model.name} has {model_sha256}.",
            remedy=_AGAIN,
        )
    return found


def _check_version(path: Path, version: object) -> None:
    if type(version) is not int:  # True is an int
        raise WeightsError(
            f"{path}: damaged: version {version!r} is not an integer.", remedy=_AGAIN
        )
    if version != VERSION:
        raise ConfigError(
            f"{path}: version {version}, this Packsight reads version {VERSION}.",
            remedy="Update Packsight." if version > VERSION else _AGAIN,
        )


def _fault(error: ValidationError) -> str:
    fault = error.errors()[0]
    where = ".".join(map(str, fault["loc"]))
    return f"{where}: {fault['msg']}" if where else str(fault["msg"])


def _without_none(table: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in table.items() if value is not None}

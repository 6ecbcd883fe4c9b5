"""The fitted score: a logistic regression on a matte's evidence, kept as a TOML file."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from engine.errors import ConfigError
from engine.linear_model import LinearModel
from stages.trust._evidence import NAMES
from weights.toml_text import toml_lines, toml_value

VERSION = 1
AGREEMENT = "agreement"  # the feature that only a second look has
FIT = "packsight train trust --data DIR --out FILE.toml"

# Standardised features are kept within this many deviations: pictures unlike those of the fit
# must not be judged by one number that no training picture had.
REACH = 3.0


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Segmenter(_Table):
    """Whose masks were judged; see ``stages.context.StageIdentity``.

    ``known_as``: names in the catalogue of weights that stand for the same network.
    """

    name: str
    weights: tuple[str, ...] = ()  # sha256
    known_as: tuple[str, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)


class TrustModel(_Table):
    """All of a trust file. ``right_iou``: from which IoU with the truth a mask counted as right.

    ``first`` judges what one look shows, ``second`` that and the agreement of a second one. A
    first score within ``doubtful`` is worth a second look. ``threshold``: see the trainer.
    """

    segmenter: Segmenter
    right_iou: float = Field(gt=0, le=1)
    threshold: float = Field(ge=0, le=1)
    doubtful: tuple[float, float]
    first: LinearModel
    second: LinearModel | None = None
    data: str = ""  # what it was fitted on, in words
    figures: Mapping[str, FiniteFloat] = Field(default_factory=dict)

    @field_validator("first", "second")
    @classmethod
    def _within_reach(cls, model: LinearModel | None) -> LinearModel | None:
        return None if model is None else model.model_copy(update={"reach": REACH})

    @model_validator(mode="after")
    def _fits_the_evidence(self) -> Self:
        """The names stand in the file so that one of other features is refused, not misread."""
        if tuple(self.first.terms) != NAMES:
            raise ValueError(f"first: must have the terms {', '.join(NAMES)}")
        if self.second is not None and tuple(self.second.terms) != (*NAMES, AGREEMENT):
            raise ValueError(f"second: must have the terms {', '.join([*NAMES, AGREEMENT])}")
        return self

    @property
    def identity(self) -> str:
        """sha256 of all that changes a judgement; figures and words do not."""
        said = self.model_dump(include={"threshold", "doubtful", "first", "second"})
        return hashlib.sha256(repr(said).encode()).hexdigest()

    def text(self) -> str:
        """The TOML that ``read_model`` reads."""
        plain = self.model_dump(exclude_none=True)
        tables = {
            name: plain.pop(name)
            for name in ("segmenter", "first", "second", "figures")
            if name in plain
        }
        lines = [f"# Written by: {FIT}", *toml_lines({"version": VERSION, **plain})]
        for name, table in tables.items():
            terms = table.pop("terms", {})
            lines += ["", f"[{name}]", *toml_lines(table)]
            lines += [f"terms.{key} = {toml_value(term)}" for key, term in terms.items()]
        return "\n".join(lines) + "\n"


def read_model(path: Path) -> TrustModel:
    """Raises ConfigError for a file that is absent, damaged, or of another version."""
    again = f"Fit it again: {FIT}"
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:  # not UTF-8, not TOML
        raise ConfigError(f"{path}: not a trust file ({error}).", remedy=again) from error
    version = content.pop("version", None)
    if version != VERSION:
        said = f"{path}: version {version!r}, this Packsight reads version {VERSION}."
        raise ConfigError(said, remedy=again)
    try:
        return TrustModel.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ConfigError(f"{path}: damaged: {where}: {fault['msg']}.", remedy=again) from None

"""Trust files: logistic regression on a matte's features as TOML, and which fits a segmenter."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Mapping
from importlib.resources import files
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
from stages.context import StageIdentity
from stages.trust._features import EARLIER, NAMES
from weights.mistaken import require_no_mistake
from weights.toml_text import toml_lines, toml_value

VERSION = 1
# Options that name the files that come with Packsight.
RENDERS, PHOTOS, PRINT = "shipped", "photos", "photos-print"
AGREEMENT = "agreement"  # the feature that only a second look has
FIT = "packsight train trust --data DIR --out FILE.toml"

# Standardised features are clipped to this many deviations; see ``engine.linear_model``.
REACH = 3.0


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Segmenter(_Table):
    """The segmenter of the masks of the fit; see ``stages.context.StageIdentity``.

    ``known_as``: names in the catalogue of weights that stand for the same network.
    """

    name: str
    weights: tuple[str, ...] = ()  # sha256
    known_as: tuple[str, ...] = ()
    options: Mapping[str, Any] = Field(default_factory=dict)


class TrustModel(_Table):
    """All of a trust file. ``right_iou``: the IoU with the ground truth from which a mask counted
    as correct.

    ``first`` reads the features of one segmentation, ``second`` these and the agreement with a
    second one. A first probability within ``doubtful`` is worth a second look. ``threshold``: the
    least trust at which a mask is used; see the trainer.
    """

    segmenter: Segmenter
    right_iou: float = Field(gt=0, le=1)
    threshold: float = Field(ge=0, le=1)
    doubtful: tuple[float, float]
    first: LinearModel
    second: LinearModel | None = None
    data: str = ""  # what it was fitted to, in words
    figures: Mapping[str, FiniteFloat] = Field(default_factory=dict)

    @field_validator("first", "second")
    @classmethod
    def _within_reach(cls, model: LinearModel | None) -> LinearModel | None:
        return None if model is None else model.model_copy(update={"reach": REACH})

    @model_validator(mode="after")
    def _of_these_features(self) -> Self:
        """The file holds names so that one of other features is refused, not misread."""
        names = tuple(self.first.terms)
        if names not in (NAMES, *EARLIER):
            raise ValueError(f"first: must have the terms {', '.join(NAMES)}")
        if self.second is not None and tuple(self.second.terms) != (*names, AGREEMENT):
            raise ValueError(f"second: must have the terms {', '.join([*names, AGREEMENT])}")
        return self

    @property
    def identity(self) -> str:
        """sha256 of all that changes a trust; measured values and words do not."""
        content = self.model_dump(include={"threshold", "doubtful", "first", "second"})
        return hashlib.sha256(repr(content).encode()).hexdigest()

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
        require_no_mistake(path)
        raise ConfigError(f"{path}: not a trust file ({error}).", remedy=again) from error
    version = content.pop("version", None)
    if version != VERSION:
        raise ConfigError(
            f"{path}: version {version!r}, this Packsight reads version {VERSION}.", remedy=again
        )
    try:
        return TrustModel.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ConfigError(f"{path}: damaged: {where}: {fault['msg']}.", remedy=again) from None


def shipped(fitted_to: str = RENDERS) -> dict[str, TrustModel]:
    """The trust files of this package by their names, in alphabetical order: those fitted to
    rendered images; to photos (``PHOTOS``); or to photos with the print in the mask's box, where
    that gains, and else those of photos (``PRINT``)."""
    folder = Path(str(files("stages.trust"))) / "fitted"
    folder = folder if fitted_to == RENDERS else folder / fitted_to
    found = {path.stem: read_model(path) for path in sorted(folder.glob("*.toml"))}
    return shipped(PHOTOS) | found if fitted_to == PRINT else found


def fitting(segmenter: StageIdentity, fitted_to: str = RENDERS) -> TrustModel:
    """The shipped model for a segmenter; ConfigError names those there are."""
    models = shipped(fitted_to)
    for model in models.values():
        if matches(model.segmenter, segmenter):
            return model
    raise ConfigError(
        f"[trust] calibrated: no trust file is shipped for {_words(segmenter)} "
        f"(only for {', '.join(models)}).",
        remedy=f'Fit one: {FIT}; then set weights = "FILE.toml"; or set [trust] name = "none".',
    )


def require(model: TrustModel, segmenter: StageIdentity, path: str) -> None:
    """ConfigError where a file was fitted to the masks of another segmenter."""
    if not matches(model.segmenter, segmenter):
        own = model.segmenter
        fitted = StageIdentity(own.name, own.options, dict.fromkeys(own.weights, ""))
        raise ConfigError(
            f"{path}: was fitted to the masks of {_words(fitted)}, "
            f"but [segment] is {_words(segmenter)}.",
            remedy=f"Fit one to this segmenter: {FIT}; or set any_segmenter = true to use it "
            "anyway: its probabilities are then not calibrated.",
        )


def matches(fitted: Segmenter, segmenter: StageIdentity) -> bool:
    """The same stage, options and weights; weights by content or by a name that stands for them."""
    same_stage = fitted.name == segmenter.name and fitted.options == segmenter.options
    same_weights = all(
        sha256 in fitted.weights or reference in fitted.known_as
        for reference, sha256 in segmenter.weights.items()
    )
    return same_stage and same_weights and bool(segmenter.weights) == bool(fitted.weights)


def _words(segmenter: StageIdentity) -> str:
    options = [f"{key} = {value!r}" for key, value in segmenter.options.items()]
    details = [*(Path(reference).name for reference in segmenter.weights), *options]
    return f"{segmenter.name} ({', '.join(details)})" if details else segmenter.name

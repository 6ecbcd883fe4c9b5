"""Which trust file fits a segmenter: the shipped ones by what they say of themselves."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from engine.errors import ConfigError
from stages.context import StageIdentity
from stages.trust._model import FIT, Segmenter, TrustModel, read_model


def shipped() -> dict[str, TrustModel]:
    """The trust files of this package by their names, in alphabetical order."""
    folder = Path(str(files("stages.trust"))) / "fitted"
    return {path.stem: read_model(path) for path in sorted(folder.glob("*.toml"))}


def fitting(segmenter: StageIdentity) -> TrustModel:
    """The shipped model for a segmenter; ConfigError names those there are."""
    models = shipped()
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
        fitted = model.segmenter
        whose = StageIdentity(fitted.name, fitted.options, dict.fromkeys(fitted.weights, ""))
        raise ConfigError(
            f"{path}: was fitted to the masks of {_words(whose)}, "
            f"but [segment] is {_words(segmenter)}.",
            remedy=f"Fit one to this segmenter: {FIT}; or set any_segmenter = true to use it "
            "all the same: its probabilities are then not calibrated.",
        )


def matches(fitted: Segmenter, segmenter: StageIdentity) -> bool:
    """The same stage, options and weights; these by content or by a name that stands for them."""
    same_stage = fitted.name == segmenter.name and fitted.options == segmenter.options
    same_weights = all(
        sha256 in fitted.weights or reference in fitted.known_as
        for reference, sha256 in segmenter.weights.items()
    )
    return same_stage and same_weights and bool(segmenter.weights) == bool(fitted.weights)


def _words(segmenter: StageIdentity) -> str:
    options = [f"{key} = {value!r}" for key, value in segmenter.options.items()]
    said = [*(Path(reference).name for reference in segmenter.weights), *options]
    return f"{segmenter.name} ({', '.join(said)})" if said else segmenter.name

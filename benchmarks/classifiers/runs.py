"""Finished runs of ``packsight train classifier``, ready to predict."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import load, overlay
from engine.errors import ConfigError
from offline.store.run_folder import RECIPE
from stages.assemble import CuttingParts, assemble_cutting
from stages.classify._artefact import ClassifierArtefact, artefact_path, read_artefact
from stages.classify.onnx import OnnxClassifier, Options, build
from stages.context import BuildContext
from stages.profiles import DEFAULT, read_profile

MODEL = "classifier.onnx"


@dataclass(frozen=True)
class Run:
    """A trained classifier, its artefact, and the cutting that it learned from."""

    name: str  # of its folder
    backbone: str  # of its recipe; "–" for a model without one
    artefact: ClassifierArtefact
    stage: OnnxClassifier
    cutting: CuttingParts


def open_trained(place: Path, flags: Sequence[str]) -> Run:
    """A run's folder or its ONNX file; ``flags`` are laid over the settings in its artefact.

    Raises ConfigError where it has no artefact, and where flags make it cut otherwise than it
    learned (weights that lie elsewhere now do not: they count by content).
    """
    model = place if place.suffix == ".onnx" else place / MODEL
    artefact = read_artefact(model)
    if artefact is None:
        raise ConfigError(
            f"{artefact_path(model)}: there is no such file.",
            remedy="Name folders that `packsight train classifier --out DIR` has filled.",
        )
    cut = overlay(read_profile(DEFAULT), artefact.cut, str(artefact_path(model)))
    cutting = assemble_cutting(load(cut, env={}, flags=flags))
    context = BuildContext(threads=cutting.threads, cutting=frozenset({cutting.fingerprint}))
    stage = build(Options(weights=str(model)), context)
    return Run(model.parent.name, _backbone(model.parent / RECIPE), artefact, stage, cutting)


def _backbone(recipe: Path) -> str:
    try:
        return str(json.loads(recipe.read_text("utf-8"))["backbone"])
    except (OSError, ValueError, KeyError, TypeError):
        return "–"  # only the table's reader misses it

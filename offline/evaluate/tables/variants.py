"""The systems that a table compares, from the flags that name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from engine.config import Settings, Tables, load, overlay
from engine.errors import ConfigError
from offline.evaluate.tables.layout import Variant
from stages.classify._artefact import artefact_path, read_artefact

MODEL = "classifier.onnx"  # in the folder of a training


def embedder_variant(given: str, base: Settings, overrides: Sequence[str]) -> Variant:
    """``NAME=FILE.onnx``: the settings with this trunk; ``overrides`` are laid over it again."""
    name, file = _named("--embedder", given)
    tables = {"embed": {"name": "onnx", "weights": file}}
    return _variant(name, base, [(tables, f"--embedder {given}")], overrides)


def classifier_variant(given: str, base: Settings, overrides: Sequence[str]) -> Variant:
    """``NAME=FILE.onnx`` or ``NAME=FOLDER`` of a training: the settings with this classifier, its
    pictures cut as those that it learned from, where its artefact says how."""
    name, file = _named("--classifier", given)
    model = Path(file) / MODEL if Path(file).is_dir() else Path(file)
    artefact = read_artefact(model)
    layers: list[tuple[Tables, str]] = []
    if artefact is not None:
        cut = {section: dict(table) for section, table in artefact.cut.items()}
        layers.append((cut, str(artefact_path(model))))
    layers.append(({"classify": {"name": "onnx", "weights": str(model)}}, f"--classifier {given}"))
    return _variant(name, base, layers, overrides)


def refuse_equal_names(variants: Sequence[Variant]) -> None:
    names = [variant.name for variant in variants]
    double = next((name for name in names if names.count(name) > 1), None)
    if double is not None:
        raise ConfigError(f"two of them are called {double!r}.", remedy="Name each once.")


def _named(flag: str, given: str) -> tuple[str, str]:
    name, equals, file = given.partition("=")
    if not equals or not name or not file:
        raise ConfigError(f"{flag} {given}: must read NAME=FILE.onnx.")
    return name, file


def _variant(
    name: str,
    base: Settings,
    layers: Sequence[tuple[Tables, str]],
    overrides: Sequence[str],
) -> Variant:
    settings = base
    for tables, origin in layers:
        settings = overlay(settings, tables, origin)
    return Variant(name, load(settings, env={}, flags=overrides))

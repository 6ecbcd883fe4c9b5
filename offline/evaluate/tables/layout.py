"""What a table of a paper is made from, the systems it compares, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine.config import Settings, Tables, load, overlay
from engine.errors import ConfigError
from engine.types import Progress
from offline.report.document import System, Table
from stages.classify._artefact import artefact_path, read_artefact

SHOWN = 10  # single queries
TIMED = 24  # photos; enough for a median


@dataclass(frozen=True)
class Variant:
    """One of the systems that a table compares, by the name that its row or column has."""

    name: str
    settings: Settings


@dataclass(frozen=True)
class Request:
    """``split`` and ``protocol`` choose the part of the data; None: the layout's default.
    ``shown``: how many single queries have a row. ``timed``: how many photos are timed."""

    data: tuple[Path, ...]
    variants: tuple[Variant, ...]
    cache: Path
    split: str | None = None
    protocol: str | None = None
    shown: int = SHOWN
    timed: int = TIMED
    seed: int = 0
    progress: Progress | None = None


@dataclass(frozen=True)
class Made:
    """Tables of all systems together, and the figures of each.

    ``images``: how many, by role. ``faults``: a sentence for every image that cannot be read.
    """

    tables: tuple[Table, ...]
    systems: tuple[System, ...]
    dataset: str
    checksum: str
    images: Mapping[str, int]
    faults: tuple[str, ...] = field(default=())


MODEL = "classifier.onnx"  # in the folder of a training


def embedder_variant(given: str, base: Settings, overrides: Sequence[str]) -> Variant:
    """``NAME=FILE.onnx``: the settings with this backbone; ``overrides`` are laid over it again."""
    name, file = _named("--embedder", given)
    tables = {"embed": {"name": "onnx", "weights": file}}
    return _variant(name, base, [(tables, f"--embedder {given}")], overrides)


def classifier_variant(given: str, base: Settings, overrides: Sequence[str]) -> Variant:
    """``NAME=FILE.onnx`` or ``NAME=FOLDER`` of a training: the settings with this classifier, its
    images cut as those that it learned from, where its artefact has the settings."""
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

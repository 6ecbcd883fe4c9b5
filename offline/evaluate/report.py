"""What an evaluation found, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from offline.evaluate.plan import Plan
from offline.evaluate.retrieval import Outcome
from stages.assemble import EmbeddingParts

TEXT, DATA = "benchmark.md", "benchmark.json"


@dataclass(frozen=True, eq=False)
class Report:
    """``timings``: milliseconds a photo by stage; ``faults``: pictures that cannot be read."""

    dataset: str
    outcomes: Sequence[Outcome]
    parts: EmbeddingParts
    plan: Plan
    timings: Mapping[str, float]
    faults: int


def write_texts(texts: Mapping[Path, str]) -> None:
    """Write every text beside its place, then rename it in; ConfigError where that fails.

    File names may hold bytes that are no text: they are written escaped.
    """
    for path, text in texts.items():
        beside = path.with_name(f".{path.name}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(text, "utf-8", errors="backslashreplace")
            beside.replace(path)
        except OSError as error:
            raise ConfigError(
                f"{path}: the report cannot be written ({error.strerror or error}).",
                remedy="Choose another place, or free some room; features are kept.",
            ) from error

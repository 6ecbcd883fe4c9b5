"""What an evaluation found, and where it is written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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

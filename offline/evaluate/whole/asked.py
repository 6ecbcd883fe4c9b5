"""What a report is asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from engine.config import Settings
from engine.types import Progress
from offline.report.document import StageName

# A phase of the work by its title: a context in which progress is told.
Phase = Callable[[str], AbstractContextManager[Progress]]

# The stages that a user names, and the sections that each one gives.
SECTIONS: Mapping[str, tuple[StageName, ...]] = {
    "segment": ("segment",),
    "classify": ("classify",),
    "retrieve": ("retrieve",),
    "end-to-end": ("no-match", "end-to-end", "efficiency"),
    "all": ("segment", "classify", "retrieve", "no-match", "end-to-end", "efficiency"),
}


@dataclass(frozen=True)
class Asked:
    """``systems`` by the name that the report gives them. ``protocol``: None for the data set's
    first. ``limit``: queries at most, evenly spread. ``ablate``: switch what needs no new
    description; ``describing``: also the stages that describe. ``reranker``: a learned one for
    the ablation to try. ``timed``: photos whose stages are timed."""

    data: Path
    sections: Sequence[StageName]
    systems: Mapping[str, Settings]
    cache: Path
    protocol: str | None = None
    seed: int = 0
    limit: int | None = None
    ablate: bool = False
    describing: bool = False
    reranker: Path | None = None
    false_accepts: float = 0.05
    timed: int = 16


def _silent(done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def silent(title: str) -> AbstractContextManager[Progress]:
    return nullcontext(_silent)

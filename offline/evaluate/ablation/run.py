"""Every switch tried, and what it changed, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.types import IntArray, Progress
from offline.datasets.types import RetrievalTask
from offline.evaluate.ablation.variants import Variant
from offline.evaluate.evidence import Evidence
from offline.evaluate.gathering import gather
from offline.evaluate.retrieving.figures import group
from offline.evaluate.retrieving.levels import Level, levels
from offline.evaluate.retrieving.ranked import reranked
from offline.evaluate.retrieving.standings import Standing, stand
from offline.metrics.statistics import Interval, bootstrap_columns
from offline.report.document import Group

MEASURES = ("top@1", "top@5", "mAP", "MRR")
# The routing of a photo that is called unknown; hard routing would not ask.
SOFT = {"hard": False}
RERANKED = "reranked"


@dataclass(frozen=True)
class Switched:
    """One variant: its figures, and by how much they differ from the base's, query by query."""

    variant: Variant
    group: Group
    differences: tuple[Interval, ...]  # of MEASURES, variant less base


@dataclass(frozen=True)
class Ablation:
    base: Group
    switched: tuple[Switched, ...]


def ablate(
    task: RetrievalTask,
    base: Evidence,
    variants: Sequence[Variant],
    cache: Path,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Ablation | None:
    """Of the queries that have an answer at the task's own level, None where none has; ``task``
    is the one that the evidence was gathered for. Errors as of ``gather``."""
    level = levels(base)[0]
    if not level.answerable:
        return None
    of_base = _standing(base, level)
    switched = []
    for variant in variants:
        evidence = _evidence(task, base, variant, cache, progress)
        found = _standing(evidence, level)
        switched.append(_switched(base, variant, level.answerable, found, of_base, seed))
    own = group("ablation, as it is", base, level.answerable, of_base, measures=MEASURES, seed=seed)
    return Ablation(own, tuple(switched))


def _standing(evidence: Evidence, level: Level) -> Standing:
    """Of the reranked order."""

    def ways(query: int) -> dict[str, IntArray]:
        order, _ = evidence.order(query)
        return {RERANKED: reranked(evidence, query, order)}

    return stand([level], len(evidence.queries), ways, MEASURES).of(level)[RERANKED]


def _evidence(
    task: RetrievalTask,
    base: Evidence,
    variant: Variant,
    cache: Path,
    progress: Progress | None,
) -> Evidence:
    if variant.rescored is not None:
        soft = base.settings.route.model_copy(update=SOFT)
        settings = base.settings.model_copy(update={"route": soft})
        return replace(base, queries=variant.rescored(base), settings=settings)
    settings = variant.settings(base.settings)
    if not variant.describes:
        return base.searching(settings)
    return gather(task, settings, cache, progress, true_masks=variant.true_masks)


def _switched(
    base: Evidence,
    variant: Variant,
    queries: Sequence[int],
    found: Standing,
    of_base: Standing,
    seed: int,
) -> Switched:
    own = group(f"ablation, {variant.name}", base, queries, found, measures=MEASURES, seed=seed)
    differences = bootstrap_columns(
        found.figures - of_base.figures, seed=seed, clusters=own.clusters
    )
    return Switched(variant, own, tuple(differences))

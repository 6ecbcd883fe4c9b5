"""Every switch tried, and what it changed, query by query."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.types import Progress
from offline.datasets.types import RetrievalTask
from offline.evaluate.ablation.costs import Cost, costs
from offline.evaluate.ablation.variants import Variant
from offline.evaluate.adapting import adapt_task
from offline.evaluate.describing import describe_task
from offline.evaluate.retrieval.measure import (
    Level,
    QueryValues,
    levels,
    measure_rankings,
    metric_group,
)
from offline.evaluate.task import RERANKED, DescribedTask
from offline.metrics.statistics import Interval, bootstrap_columns
from offline.report.document import Group

METRICS = ("top@1", "top@5", "mAP", "MRR")
# Routing of a photo that is called unknown; hard routing would search one category all the same.
SOFT = {"hard": False}


@dataclass(frozen=True)
class Switched:
    """One variant: its metrics, and by how much they differ from the base's, query by query."""

    variant: Variant
    group: Group
    differences: tuple[Interval, ...]  # of METRICS, variant less base


@dataclass(frozen=True)
class Ablation:
    base: Group
    switched: tuple[Switched, ...]
    costs: tuple[Cost, ...] = ()  # of an adaptation, in all and by part


def ablate(
    task: RetrievalTask,
    base: DescribedTask,
    variants: Sequence[Variant],
    cache: Path,
    *,
    seed: int = 0,
    photos: Path | None = None,
    progress: Progress | None = None,
) -> Ablation | None:
    """Of the queries that have a relevant image at the task's own level, None where none has.

    ``task`` is the one that ``base`` was described from, ``photos`` what it was adapted to. Errors
    as of ``describe_task`` and ``adapt_task``.
    """
    level = levels(base)[0]
    if not level.answerable:
        return None
    images = [base.task.queries[query] for query in level.answerable]

    def group(name: str, values: QueryValues) -> Group:
        return metric_group(name, images, values.values, metrics=METRICS, seed=seed)

    of_base = _reranked(base, level)
    switched = []
    for variant in variants:
        found = _reranked(_described(task, base, variant, cache, seed, photos, progress), level)
        own = group(f"ablation, {variant.name}", found)
        differences = bootstrap_columns(
            found.values - of_base.values, seed=seed, clusters=own.clusters
        )
        switched.append(Switched(variant, own, tuple(differences)))
    own = group("ablation, as it is", of_base)
    return Ablation(own, tuple(switched), tuple(costs(base, variants)))


def _reranked(task: DescribedTask, level: Level) -> QueryValues:
    return measure_rankings(task, [level], [RERANKED], METRICS).of(level)[RERANKED]


def _described(
    task: RetrievalTask,
    base: DescribedTask,
    variant: Variant,
    cache: Path,
    seed: int,
    photos: Path | None,
    progress: Progress | None,
) -> DescribedTask:
    if variant.rescored is not None:
        soft = base.settings.route.model_copy(update=SOFT)
        settings = base.settings.model_copy(update={"route": soft})
        return replace(base, queries=variant.rescored(base), settings=settings)
    if variant.adapts:
        return base.compared_by(variant.adaptation)
    settings = variant.settings(base.settings)
    if not variant.describes:
        return base.searching(settings)
    found = describe_task(task, settings, cache, progress, true_masks=variant.true_masks)
    return found if base.fit is None else adapt_task(found, seed, photos)

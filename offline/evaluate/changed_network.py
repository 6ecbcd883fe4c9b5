"""What changes for users where a network is replaced by one that should compute the same.

By a data set's protocol: the first hit, among all images by vectors alone and as a search answers;
the masks, where the segmenter changes; the category of each photo.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError
from engine.types import Progress
from offline.datasets import DatasetImage, RetrievalTask
from offline.datasets.relevance import clusters_of
from offline.evaluate.describing import describe_task
from offline.evaluate.retrieval.measure import levels, measure_rankings
from offline.evaluate.segmentation.measure import measure_masks
from offline.evaluate.task import EVERYWHERE, RERANKED, DescribedTask
from offline.metrics.statistics import Interval, bootstrap
from stages.assemble import assemble_cutting

MAY_LOSE = 0.005  # of recall@1 and of the masks' mean IoU
LEAST_AGREEMENT = 0.99
_WAYS = {EVERYWHERE: "R@1 of vectors", RERANKED: "R@1 of a search"}
_TOP = "top@1"


@dataclass(frozen=True)
class Change:
    """One metric of the same images by both networks.

    ``change``: after less before, with its 95 % interval, images of a product drawn together;
    ``least``: the least change that passes.
    """

    metric: str
    before: float
    after: float
    change: Interval
    least: float
    images: int

    @property
    def passes(self) -> bool:
        # Means of float64 differ in their last digits.
        return self.change.mean >= self.least - 1e-9

    def text(self) -> str:
        low, high = self.change.low, self.change.high
        return (
            f"{self.metric} {self.before:.3f} → {self.after:.3f}, {self.change.mean:+.4f} "
            f"[{low:+.4f}, {high:+.4f}] of {self.images} images"
            + ("" if self.passes else f": {self.least:+.4f} at least is allowed")
        )


def changes(
    task: RetrievalTask,
    before: Settings,
    after: Settings,
    cache: Path,
    progress: Progress | None = None,
    *,
    seed: int = 0,
) -> tuple[Change, ...]:
    """Raises ConfigError where the protocol has no query with an answer, else as
    ``describe_task``."""
    pair = [describe_task(task, one, cache, progress) for one in (before, after)]
    found = [*_retrieval(pair, seed), *_masks(task, before, after, progress, seed)]
    agreement = _categories(pair, seed)
    return (*found, *([agreement] if agreement else []))


def _retrieval(pair: Sequence[DescribedTask], seed: int) -> list[Change]:
    first = pair[0]
    level = levels(first)[0]
    if not level.answerable:
        raise ConfigError(
            f"{first.task.name}: not one query has a relevant image in the gallery.",
            remedy="Name another protocol with --protocol.",
        )
    images = [first.task.queries[at] for at in level.answerable]
    measured = [measure_rankings(task, [level], tuple(_WAYS), (_TOP,)).of(level) for task in pair]
    return [
        _change(name, [one[way].values[:, 0].tolist() for one in measured], images, -MAY_LOSE, seed)
        for way, name in _WAYS.items()
    ]


def _masks(
    task: RetrievalTask,
    before: Settings,
    after: Settings,
    progress: Progress | None,
    seed: int,
) -> list[Change]:
    pair = [assemble_cutting(one) for one in (before, after)]
    images = [one for one in dict.fromkeys((*task.queries, *task.gallery)) if one.mask is not None]
    if pair[0].fingerprint == pair[1].fingerprint or not images:
        return []
    measured = [measure_masks(images, parts, progress).served for parts in pair]
    of = [mask.image for mask in measured[0]]
    return [_change("mask IoU", [[m.iou for m in one] for one in measured], of, -MAY_LOSE, seed)]


def _categories(pair: Sequence[DescribedTask], seed: int) -> Change | None:
    """The fraction of photos that get the same category; None where there are no categories."""
    first, second = pair
    if not first.categories:
        return None
    same = [
        float(one.scores.top == other.scores.top)
        for one, other in zip(first.queries, second.queries, strict=True)
    ]
    whole = [1.0] * len(same)
    return _change("same category", [whole, same], first.task.queries, LEAST_AGREEMENT - 1, seed)


def _change(
    metric: str,
    values: Sequence[Sequence[float]],
    images: Sequence[DatasetImage],
    least: float,
    seed: int,
) -> Change:
    before, after = values
    differences = [two - one for one, two in zip(before, after, strict=True)]
    change = bootstrap(differences, seed=seed, clusters=clusters_of(images))
    count = len(before)
    return Change(metric, sum(before) / count, sum(after) / count, change, least, count)

"""How good a ranking is: recall@k, average precision, and how sure a mean of them is."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from offline.resampling import resampled

Z95 = 1.959963984540054  # of the normal distribution, 97.5 % lie below
RESAMPLES = 2000  # the ends of a 95 % interval then move by less than half a point


@dataclass(frozen=True)
class Interval:
    """A mean and the ends of its bootstrap interval."""

    mean: float
    low: float
    high: float


def recall_at(relevant: Sequence[bool], k: int) -> float:
    """1.0 if any of the first ``k`` answers is relevant, else 0.0.

    The recall@k of instance retrieval (Jégou, Douze, Schmid: Product Quantization for Nearest
    Neighbor Search, PAMI 2011; Oh Song, Xiang, Jegelka, Savarese, CVPR 2016): averaged over
    queries it is the share of queries that were answered within k. ``relevant`` is in ranked
    order. Raises ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"recall@{k} is not defined: k must be at least 1")
    return float(any(relevant[:k]))


def average_precision(relevant: Sequence[bool], total: int, *, depth: int | None = None) -> float:
    """Mean of the precision at the rank of every relevant image, 0 for those not retrieved.

    ``relevant`` is in ranked order and may end before the gallery does; ``total`` is how many
    relevant images the gallery holds. Without interpolation, as trec_eval computes it (Buckley,
    Voorhees: Evaluating Evaluation Measure Stability, SIGIR 2000). ``depth`` cuts the ranking;
    the mean then runs over min(total, depth), so that a perfect head scores 1.

    0.0 when there is nothing to find. Raises ValueError when more are found than there are.
    """
    head = np.asarray(relevant[:depth], np.bool_)
    if total < int(head.sum()):
        raise ValueError(f"{int(head.sum())} relevant images retrieved, but only {total} exist")
    possible = total if depth is None else min(total, depth)
    if possible == 0:
        return 0.0
    ranks = np.flatnonzero(head) + 1
    precisions = np.arange(1, len(ranks) + 1) / ranks
    return float(precisions.sum() / possible)


def bootstrap(
    values: Sequence[float],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """The mean over queries with its percentile interval (Efron, Annals of Statistics 1979).

    Queries are resampled with replacement; ``seed`` makes it repeatable. Queries of one cluster,
    such as photos of one product, are drawn together: they are not independent (Field, Welsh:
    Bootstrapping Clustered Data, JRSS B 2007). For the difference of two systems give the
    differences query by query. Raises ValueError without values or for a level outside (0, 1).
    """
    columns = np.asarray(values, np.float64)[:, None]
    (interval,) = bootstrap_columns(
        columns, seed=seed, level=level, resamples=resamples, clusters=clusters
    )
    return interval


def bootstrap_columns(
    values: npt.NDArray[np.float64],
    *,
    seed: int,
    level: float = 0.95,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> list[Interval]:
    """As ``bootstrap`` for every column of (queries, measures), all resampled alike."""
    if not len(values):
        raise ValueError("an interval needs at least one value")
    if not 0 < level < 1:
        raise ValueError(f"level = {level}: must lie between 0 and 1")
    drawn = resampled(len(values), seed=seed, resamples=resamples, clusters=clusters)
    means = np.concatenate([times @ values / times.sum(axis=1, keepdims=True) for times in drawn])
    tail = (1 - level) / 2
    low, high = np.quantile(means, [tail, 1 - tail], axis=0)
    ends = np.stack([values.mean(axis=0), low, high], axis=1)
    return [Interval(*column) for column in ends.tolist()]


def wilson_interval(hits: int, count: int, z: float = Z95) -> tuple[float, float]:
    """The ends of the interval of a share of ``count`` items, by default of 95 %.

    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927. It has
    a width where all or none are hits, which resampling cannot show. Raises ValueError unless
    0 <= hits <= count and count > 0.
    """
    if not 0 <= hits <= count or not count:
        raise ValueError(f"{hits} of {count} is no share")
    share, room = hits / count, z * z / count
    centre = (share + room / 2) / (1 + room)
    reach = z * math.sqrt(share * (1 - share) / count + room / (4 * count)) / (1 + room)
    # Without and with hits alone an end is 0 or 1 but for rounding.
    return (centre - reach if hits else 0.0), (centre + reach if hits < count else 1.0)

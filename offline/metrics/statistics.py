"""Intervals of what was measured: bootstrap means, resampling in clusters, fractions of counts."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Z95 = 1.959963984540054  # of the normal distribution, 97.5 % lie below
RESAMPLES = 2000  # the ends of a 95 % interval then move by less than half a point
DRAWN = 2**16  # numbers drawn at a time: half a megabyte; all at once would be 1 GB for 60,000


@dataclass(frozen=True)
class Interval:
    """A value, such as a mean, and the ends of its interval."""

    mean: float
    low: float
    high: float


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
    Bootstrapping Clustered Data, JRSS B 2007). For the difference of two systems pass the
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
    """As ``bootstrap`` for every column of (queries, metrics), all resampled alike."""
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


def percentile(values: Sequence[float], q: float, *, seed: int) -> Interval:
    """The q-th percentile (0 to 100, linear between neighbours) with its 95 % bootstrap interval.

    Raises ValueError without values.
    """
    column = np.asarray(values, np.float64)
    if not len(column):
        raise ValueError("a percentile needs at least one value")
    rows = np.random.default_rng(seed).integers(0, len(column), (RESAMPLES, len(column)))
    low, high = np.quantile(np.percentile(column[rows], q, axis=1), [0.025, 0.975])
    return Interval(float(np.percentile(column, q)), float(low), float(high))


def resampled(
    count: int, *, seed: int, resamples: int, clusters: Sequence[Hashable] | None = None
) -> Iterator[npt.NDArray[np.int64]]:
    """How often each of ``count`` items is drawn in each of ``resamples`` draws with replacement.

    Yields blocks of (rows, count), the same numbers as drawing one resample after the other
    (Efron: Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 1979). Items of
    one cluster are drawn together (Field, Welsh 2007): as many clusters are drawn as there are,
    so rows need not have one sum. Raises ValueError unless there is a cluster for every item.
    """
    place, drawable = _places(count, clusters)
    random = np.random.default_rng(seed)
    step = max(1, DRAWN // drawable)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, drawable, (rows, drawable))
        drawn += np.arange(rows)[:, None] * drawable
        times = np.bincount(drawn.ravel(), minlength=rows * drawable).reshape(rows, drawable)
        yield times if place is None else times[:, place]


def _places(
    count: int, clusters: Sequence[Hashable] | None
) -> tuple[npt.NDArray[np.int64] | None, int]:
    """(count,) the number of each item's cluster, in order of appearance; and how many."""
    if clusters is None:
        return None, count
    if len(clusters) != count:
        raise ValueError(f"{len(clusters)} clusters for {count} values")
    numbers = {name: at for at, name in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[name] for name in clusters], np.int64), len(numbers)


def evenly(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of ``count`` positions, evenly spread, the first and the last included."""
    places = np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64)
    found: list[int] = places.tolist()
    return found


def wilson_interval(hits: int, count: int, z: float = Z95) -> tuple[float, float]:
    """The ends of the interval of a fraction of ``count`` items, by default of 95 %.

    Wilson: Probable Inference, the Law of Succession, and Statistical Inference, JASA 1927. It has
    a width where all or none are hits, which resampling cannot show. Raises ValueError unless
    0 <= hits <= count and count > 0.
    """
    if not 0 <= hits <= count or not count:
        raise ValueError(f"{hits} of {count} is not a fraction")
    fraction, room = hits / count, z * z / count
    centre = (fraction + room / 2) / (1 + room)
    reach = z * math.sqrt(fraction * (1 - fraction) / count + room / (4 * count)) / (1 + room)
    # Without and with hits alone an end is 0 or 1 but for rounding.
    return (centre - reach if hits else 0.0), (centre + reach if hits < count else 1.0)

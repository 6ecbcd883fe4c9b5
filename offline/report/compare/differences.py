"""The difference of two figures: item by item or from their intervals, and p for many at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import Float64Array
from offline.metrics.statistics import Z95, resampled
from offline.report.compare.comparison import CorrectionName

RESAMPLES = 4000  # the ends of a 95 % interval then move by less than 2 % of its width
_CHUNK = 64  # turned lists of signs in memory at a time
# Fewer resamples beyond the measured difference than this count too coarsely: the normal tail is
# taken in their place.
_COARSE = 10
# Differences that rounding alone makes; figures are of the order of one.
_ROUNDING = 1e-12

Measured = tuple[float, float, float]  # value, low, high


@dataclass(frozen=True)
class Estimate:
    """After minus before, the ends of its interval, and p of no difference.

    ``least`` is the smallest p that so few items could give, whichever way their differences
    point.
    """

    difference: float
    low: float
    high: float
    p: float
    least: float = 0.0


def estimates(
    sums: Float64Array, counts: Float64Array, seed: int, level: float = 0.95
) -> list[Estimate]:
    """One for every column: a figure's difference, averaged over its samples.

    ``sums`` (items, figures): the differences of an item's samples added up; ``counts`` how many
    samples that were, 0 where the item does not count. An item's samples are drawn and turned
    together, because they are not independent of each other.

    The interval is the bootstrap's percentile interval (Efron, Annals of Statistics 1979). ``p``
    is Fisher's randomisation test: under no difference either report could have had either
    sample, so the signs of the items' differences are turned at random. Smucker, Allan and
    Carterette (CIKM 2007) find it the more reliable of the two for search engines; it holds for
    few items too. Raises ValueError for a column without samples.
    """
    exact = np.where(np.abs(sums) <= _ROUNDING * np.maximum(counts, 1), 0.0, sums)
    total = counts.sum(axis=0)
    if not len(sums) or not total.all():
        raise ValueError("a paired difference needs at least one sample of every figure")
    differences = exact.sum(axis=0) / total
    lows, highs = _interval(exact, counts, seed, level)
    least = np.minimum(1.0, 2.0 ** (1.0 - np.count_nonzero(exact, axis=0)))
    chances = np.maximum(least, _chances(exact, np.random.default_rng(seed)))
    columns = (differences, lows, highs, chances, least)
    return [Estimate(*row) for row in np.stack(columns, axis=1).tolist()]


def _interval(
    sums: Float64Array, counts: Float64Array, seed: int, level: float
) -> list[Float64Array]:
    """The ends, (figures,) each; a resample that holds no sample of a figure is left out."""
    means = []
    for times in resampled(len(sums), seed=seed, resamples=RESAMPLES):
        with np.errstate(invalid="ignore"):
            means.append((times @ sums) / (times @ counts))
    tail = (1 - level) / 2
    return [np.nanquantile(np.concatenate(means), end, axis=0) for end in (tail, 1 - tail)]


def _chances(sums: Float64Array, random: np.random.Generator) -> Float64Array:
    """(figures,): two-sided."""
    measured = np.abs(sums.sum(axis=0))
    beyond = np.zeros(sums.shape[1], np.int64)
    for start in range(0, RESAMPLES, _CHUNK):
        rows = min(_CHUNK, RESAMPLES - start)
        signs = random.integers(0, 2, (rows, len(sums))) * 2.0 - 1.0
        beyond += (np.abs(signs @ sums) >= measured * (1 - _ROUNDING)).sum(axis=0)
    spread = np.sqrt((sums**2).sum(axis=0))
    chances = (1 + beyond) / (RESAMPLES + 1)
    for place in np.flatnonzero(beyond < _COARSE).tolist():
        normal = math.erfc(float(measured[place] / spread[place]) / math.sqrt(2))
        chances[place] = min((1 + _COARSE) / (RESAMPLES + 1), normal)
    return chances


def from_intervals(before: Measured, after: Measured) -> Estimate:
    """After minus before, as if they had been measured on different images.

    The interval by the method of variance estimates recovery (Zou and Donner, Statistics in
    Medicine 2008, equation 4; Newcombe's method 10 of 1998 for fractions): the side of each
    interval that faces the other one is what counts. p is of the normal distribution with that
    side's width. On the same images both values move together, so this sees less than there is, and
    never more. Two figures with intervals of no width that differ have p = 0.
    """
    (old, old_low, old_high), (new, new_low, new_high) = before, after
    difference = new - old
    below = math.hypot(max(new - new_low, 0.0), max(old_high - old, 0.0))
    above = math.hypot(max(new_high - new, 0.0), max(old - old_low, 0.0))
    low, high = difference - below, difference + above
    if abs(difference) <= _ROUNDING * max(abs(old), abs(new), 1.0):
        return Estimate(0.0, low, high, 1.0)
    facing = below if difference > 0 else above
    chance = math.erfc(abs(difference) / facing * Z95 / math.sqrt(2)) if facing > 0 else 0.0
    return Estimate(difference, low, high, chance)


def adjusted(chances: Sequence[float], correction: CorrectionName) -> list[float]:
    """p values that can each be held against the level as if there were no others.

    "benjamini-hochberg" bounds the fraction of false ones among the differences found (Benjamini
    and Hochberg, Journal of the Royal Statistical Society B, 1995), "holm" the chance of any false
    one (Holm, Scandinavian Journal of Statistics, 1979). "none" leaves p as it is.

    Where nothing changed, every difference found is false, so both bound the chance of any, which
    is what a gate needs; where something did change, the first sees more of it. Holm's holds
    however the figures depend on each other; the other for figures that rise and fall together, as
    those of one ranking do.
    """
    count = len(chances)
    order = sorted(range(count), key=lambda place: chances[place])
    result = list(chances)
    if correction == "holm":
        reached = 0.0
        for rank, place in enumerate(order):
            reached = max(reached, min(1.0, (count - rank) * chances[place]))
            result[place] = reached
    elif correction == "benjamini-hochberg":
        reached = 1.0
        for rank in range(count, 0, -1):
            place = order[rank - 1]
            reached = min(reached, chances[place] * (count / rank))
            result[place] = reached
    return result

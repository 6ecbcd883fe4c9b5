"""The difference of two figures of which only intervals are known."""

from __future__ import annotations

import math

from offline.report.compare.paired import Estimate

# Half a 95 % interval in standard errors of a normal distribution; all figures' intervals are
# 95 % ones (offline.report.document).
_HALF = 1.959963984540054
# What rounding makes of equal numbers.
_ROUNDING = 1e-12

Measured = tuple[float, float, float]  # value, low, high


def from_intervals(before: Measured, after: Measured) -> Estimate:
    """After minus before, as if they had been measured on different pictures.

    The interval by the method of variance estimates recovery (Zou and Donner, Statistics in
    Medicine 2008, equation 4; Newcombe's method 10 of 1998 for shares): the side of each interval
    that faces the other one is what counts. p is of the normal distribution with that side's
    width. On the same pictures both figures move together, so this sees less than there is, and
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
    chance = math.erfc(abs(difference) / facing * _HALF / math.sqrt(2)) if facing > 0 else 0.0
    return Estimate(difference, low, high, chance)

"""A report's figures from what was measured item by item, and which of them a chart shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from offline.metrics import statistics
from offline.report.document import Better, Figure, Unit

NOTHING = "there is no item to measure"
CHARTED = 40  # categories of a chart that can still be read


def averaged(
    name: str,
    samples: Sequence[float | None],
    *,
    seed: int,
    better: Better = "higher",
    unit: Unit = "",
    why: str = NOTHING,
    clusters: Sequence[str] = (),
) -> Figure:
    """The mean over items with its 95 % bootstrap interval, and the value of every item.

    ``clusters``: as of ``Group``, aligned with the samples; empty where items are independent.
    None stands for an item that does not count; where none counts the figure has no value, for
    the reason ``why``. Raises ValueError for NaN.
    """
    kept = [float(value) for value in samples if value is not None]
    groups = [name for name, value in zip(clusters, samples, strict=False) if value is not None]
    if not kept:
        return Figure(name=name, value=None, why=why, better=better, unit=unit)
    if not np.isfinite(kept).all():
        raise ValueError(f"{name}: the value of an item is not finite")
    interval = statistics.bootstrap(kept, seed=seed, clusters=groups or None)
    return Figure(
        name=name,
        value=interval.mean,
        low=interval.low,
        high=interval.high,
        better=better,
        unit=unit,
        samples=tuple(None if value is None else float(value) for value in samples),
    )


def percentile(
    name: str,
    samples: Sequence[float],
    q: float,
    *,
    seed: int,
    better: Better = "lower",
    unit: Unit = "ms",
) -> Figure:
    """The q-th percentile (0 to 100) with its bootstrap interval; without samples, for their mean
    is another value."""
    if not len(samples):
        return Figure(name=name, value=None, why=NOTHING, better=better, unit=unit)
    found = statistics.percentile(samples, q, seed=seed)
    return Figure(
        name=name, value=found.mean, low=found.low, high=found.high, better=better, unit=unit
    )


def lowest(values: Mapping[str, float], most: int = CHARTED) -> tuple[tuple[str, ...], str]:
    """Names of the ``most`` lowest values, in the order of ``values``, ties by name; and a note
    on how many are left out, empty where all are shown."""
    worst = set(sorted(values, key=lambda name: (values[name], name))[:most])
    left = len(values) - len(worst)
    note = f"The {most} categories that do worst; {left} more do better." if left else ""
    return tuple(name for name in values if name in worst), note

"""Figures of a report from what was measured item by item."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from offline.metrics.statistics import RESAMPLES, bootstrap
from offline.report.document import Better, Figure, Unit

NOTHING = "there is no item to measure"


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
    """The mean over items with its 95 % bootstrap interval, and the items' own numbers.
    ``clusters``: as of ``Group``, aligned with the samples; empty where items are independent.

    None stands for an item that does not count; where none counts the figure has no value, and
    ``why`` says so. Raises ValueError for NaN.
    """
    kept = [float(value) for value in samples if value is not None]
    groups = [name for name, value in zip(clusters, samples, strict=False) if value is not None]
    if not kept:
        return Figure(name=name, value=None, why=why, better=better, unit=unit)
    if not np.isfinite(kept).all():
        raise ValueError(f"{name}: an item's number is not finite")
    interval = bootstrap(kept, seed=seed, clusters=groups or None)
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
    """The q-th percentile (0 to 100, linear between neighbours) with its bootstrap interval; no
    samples, for they do not average to it."""
    values = np.asarray(samples, np.float64)
    if not len(values):
        return Figure(name=name, value=None, why=NOTHING, better=better, unit=unit)
    rows = np.random.default_rng(seed).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(np.percentile(values[rows], q, axis=1), [0.025, 0.975])
    value = float(np.percentile(values, q))
    return Figure(
        name=name, value=value, low=float(low), high=float(high), better=better, unit=unit
    )


def evenly(count: int, wanted: int) -> list[int]:
    """At most ``wanted`` of ``count`` places, evenly spread, the first and the last among them."""
    places = np.linspace(0, count - 1, min(wanted, count)).round().astype(np.int64)
    found: list[int] = places.tolist()
    return found

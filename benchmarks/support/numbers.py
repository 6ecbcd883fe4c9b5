"""Medians and percentiles of timings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Spread:
    """Median and 95th percentile, in the unit of the values."""

    median: float
    p95: float


def spread(values: Sequence[float]) -> Spread:
    median, p95 = np.percentile(np.asarray(values, np.float64), [50, 95])
    return Spread(float(median), float(p95))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"

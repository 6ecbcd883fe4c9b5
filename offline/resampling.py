"""Draws with replacement, counted: what a bootstrap needs of its items.

Efron: Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 1979.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

DRAWN = 2**16  # numbers drawn at a time: half a megabyte; all at once would be 1 GB for 60,000


def resampled(count: int, *, seed: int, resamples: int) -> Iterator[npt.NDArray[np.int64]]:
    """Blocks of (rows, count): how often each of ``count`` items comes up, in each of
    ``resamples`` draws of as many. The same numbers as drawing one resample after the other."""
    random = np.random.default_rng(seed)
    step = max(1, DRAWN // count)
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = random.integers(0, count, (rows, count)) + np.arange(rows)[:, None] * count
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)

"""Draws with replacement, counted: what a bootstrap needs of its items.

Efron: Bootstrap Methods: Another Look at the Jackknife, Annals of Statistics 1979.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

DRAWN = 2**16  # numbers drawn at a time: half a megabyte; all at once would be 1 GB for 60,000


def resampled(
    count: int, *, seed: int, resamples: int, clusters: Sequence[Hashable] | None = None
) -> Iterator[npt.NDArray[np.int64]]:
    """Blocks of (rows, count): how often each of ``count`` items comes up, in each of
    ``resamples`` draws. The same numbers as drawing one resample after the other.

    Items of one cluster come up together (Field, Welsh: Bootstrapping Clustered Data, JRSS B
    2007): as many clusters are drawn as there are, so that rows need not have one sum. Raises
    ValueError unless there is a cluster an item.
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
    """(count,) the number of each item's cluster, in the order they appear; and how many."""
    if clusters is None:
        return None, count
    if len(clusters) != count:
        raise ValueError(f"{len(clusters)} clusters for {count} values")
    numbers = {name: at for at, name in enumerate(dict.fromkeys(clusters))}
    return np.array([numbers[name] for name in clusters], np.int64), len(numbers)

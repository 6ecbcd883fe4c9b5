"""How pairs of vectors differ: C_S of the pairs that match, C_D of those that do not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.types import Float64Array


@dataclass(frozen=True, eq=False)
class Pairs:
    """Positions of vectors, (M, 2) int64 each."""

    matching: npt.NDArray[np.int64]
    other: npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scatter:
    """Means of (f_i - f_j)(f_i - f_j)^T, (D, D) each, and over how many pairs."""

    matching: Float64Array
    other: Float64Array
    matching_pairs: int
    other_pairs: int


def scatter_of_groups(rows: npt.NDArray[np.floating], groups: npt.NDArray[np.int64]) -> Scatter:
    """All pairs within a group match, all pairs across groups do not.

    ``groups`` (N,): which product a vector is of, -1: of none that is known, in no pair. No pair
    is listed: the sum over all pairs of n vectors is n sum x x^T - s s^T with s their sum.
    Raises ConfigError where no group has two members, and for a single group.
    """
    chosen = groups >= 0
    values = finite(rows)[chosen]
    names, members = np.unique(groups[chosen], return_inverse=True)
    counts = np.bincount(members, minlength=len(names))
    if not (counts > 1).any():
        raise ConfigError(
            f"{len(names)} products and no second view of any: no pair matches.",
            remedy="Give a gallery with several images a product, or --method pca, which needs "
            "no pairs.",
        )
    if len(names) < 2:
        raise ConfigError(
            "all images are of one product: every pair matches.",
            remedy="Give a gallery of several products, or --method pca.",
        )
    sums = np.zeros((len(names), values.shape[1]))
    np.add.at(sums, members, values)
    weighted = values * counts[members][:, None]
    matching = weighted.T @ values - sums.T @ sums
    total = len(values) * (values.T @ values) - np.outer(values.sum(axis=0), values.sum(axis=0))
    within = int((counts * (counts - 1) // 2).sum())
    across = len(values) * (len(values) - 1) // 2 - within
    return Scatter(matching / within, (total - matching) / across, within, across)


def scatter_of_pairs(rows: npt.NDArray[np.floating], pairs: Pairs) -> Scatter:
    """Of listed pairs, some of either kind."""
    values = finite(rows)
    matching, other = (
        _mean_product(values[kind[:, 0]] - values[kind[:, 1]])
        for kind in (pairs.matching, pairs.other)
    )
    return Scatter(matching, other, len(pairs.matching), len(pairs.other))


def _mean_product(differences: Float64Array) -> Float64Array:
    return np.asarray(differences.T @ differences / len(differences), np.float64)


def finite(rows: npt.NDArray[np.floating]) -> Float64Array:
    """As float64; ConfigError where a vector holds NaN or an infinity."""
    values = np.asarray(rows, np.float64)
    bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if len(bad):
        raise ConfigError(
            f"{len(bad)} of {len(values)} vectors are not finite, the first is number {bad[0]}.",
            remedy="Describe those images again: packsight ingest.",
        )
    return values

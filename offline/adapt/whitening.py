"""The mathematics of whitening: two covariances, a root and an eigenvalue problem.

Learned whitening (Mikolajczyk and Matas, ICCV 2007; Radenović, Tolias, Chum, PAMI 2019, section
4.2): with f vectors, C_S the mean of (f_i - f_j)(f_i - f_j)^T over pairs that match and C_D over
pairs that do not, the projection is P = C_S^(-1/2) eig(C_S^(-1/2) C_D C_S^(-1/2)), largest
eigenvalues first. What differs between two photos of one product then has the same size in every
direction, and the first axes are those in which different products differ most.

PCA whitening (Jégou and Chum, ECCV 2012) divides by the spread of all vectors instead and needs
no labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.types import Float64Array
from offline.adapt.scatter import Scatter, finite

# Eigenvalues below this part of the largest are rounding of float32 vectors, not directions.
RANK_TOLERANCE = 1e-7
# What is added to every direction's spread, as a part of their mean: with few pairs the smallest
# eigenvalues of C_S are chance, and dividing by them would make noise the loudest axis.
SHRINKAGE = 0.1


@dataclass(frozen=True, eq=False)
class Whitening:
    """x -> (x - mean) projection; ``spread`` (K,): the eigenvalues of the kept axes, falling."""

    mean: Float64Array  # (D,)
    projection: Float64Array  # (D, K)
    spread: Float64Array


def fit_learned(
    rows: npt.NDArray[np.floating],
    scatter: Scatter,
    dimension: int | None = None,
    shrinkage: float = SHRINKAGE,
) -> Whitening:
    """From vectors (N, D) and what their matching and other pairs scatter; to ``dimension`` axes,
    by default all that the vectors span.

    C_S becomes (1 - s) C_S + s trace(C_S) / D I for a ``shrinkage`` s in [0, 1]. Raises
    ConfigError for a dimension beyond the rank, and where C_S has no inverse.
    """
    _check_share(shrinkage)
    matching = _shrunk(scatter.matching, shrinkage)
    root = _inverse_root(matching, "the matching pairs", scatter.matching_pairs)
    other = root @ scatter.other @ root
    spread, axes = _falling(other)
    kept = _kept(dimension, _rank(spread), len(spread))
    mean = np.asarray(rows, np.float64).mean(axis=0)
    return Whitening(mean, root @ axes[:, :kept], spread[:kept])


def fit_pca(
    rows: npt.NDArray[np.floating], dimension: int | None = None, shrinkage: float = 0.0
) -> Whitening:
    """From vectors (N, D) alone: rotated to the axes of their covariance, each divided by its
    spread. Raises ConfigError for a dimension beyond the rank."""
    _check_share(shrinkage)
    values = finite(rows)
    mean = values.mean(axis=0)
    centred = values - mean
    spread, axes = _falling(centred.T @ centred / len(values))
    kept = _kept(dimension, _rank(spread), len(spread))
    floor = shrinkage * spread.mean()
    scale = 1 / np.sqrt((1 - shrinkage) * spread[:kept] + floor)
    return Whitening(mean, axes[:, :kept] * scale, spread[:kept])


def _shrunk(matrix: Float64Array, share: float) -> Float64Array:
    size = len(matrix)
    drawn = (1 - share) * matrix + share * np.trace(matrix) / size * np.eye(size)
    return np.asarray(drawn, np.float64)


def _inverse_root(matrix: Float64Array, of: str, pairs: int) -> Float64Array:
    """The symmetric M with M M = matrix^-1."""
    values, axes = _falling(matrix)
    rank = _rank(values)
    if rank < len(values):
        raise ConfigError(
            f"{of} ({pairs}) vary in {rank} directions of {len(values)}: their covariance has no "
            "inverse.",
            remedy="Give more pairs, or a --shrinkage above 0.",
        )
    return np.asarray((axes / np.sqrt(values)) @ axes.T, np.float64)


def _falling(matrix: Float64Array) -> tuple[Float64Array, Float64Array]:
    """Eigenvalues (D,), largest first, and their axes as columns, the largest entry of each
    positive, so that two machines give the same file."""
    values, axes = np.linalg.eigh((matrix + matrix.T) / 2)
    values, axes = np.maximum(values[::-1], 0.0), axes[:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    signs = np.sign(axes[largest, np.arange(axes.shape[1])])
    return values, axes * signs


def _rank(falling: Float64Array) -> int:
    return int(np.count_nonzero(falling > RANK_TOLERANCE * falling[0]))


def _kept(dimension: int | None, rank: int, size: int) -> int:
    if rank == 0:
        raise ConfigError("all vectors are the same: nothing distinguishes them.")
    if dimension is None:
        return rank
    if not 1 <= dimension <= rank:
        raise ConfigError(
            f"--dimension {dimension}: the vectors ({size} dimensions) span {rank}.",
            remedy=f"Ask for 1 to {rank}, or give more images.",
        )
    return dimension


def _check_share(shrinkage: float) -> None:
    if not 0 <= shrinkage <= 1:
        raise ConfigError(f"--shrinkage {shrinkage}: must lie between 0 and 1.")

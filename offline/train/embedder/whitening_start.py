"""Where the projection starts: PCA-whitening of the pooled training features."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.types import FloatArray

# Of the mean variance, added to every one: directions with next to none would be blown up to
# noise. Chosen, not measured.
SHRINK = 0.01
# Less of the largest variance than this is rounding.
RANK_TOLERANCE = 1e-9


def pca_whitening(features: FloatArray, dimension: int) -> tuple[FloatArray, FloatArray]:
    """(dimension, C) weights and (dimension,) bias of y = Λ^(-1/2) Uᵀ (x - μ).

    U are the directions of the largest variances Λ of ``features`` (N, C); Jégou and Chum,
    Negative Evidences and Co-occurrences in Image Retrieval, ECCV 2012. The scale of all is such
    that y has length 1 in the mean of squares, so that a learning rate means the same for any
    trunk. Raises ConfigError where the features do not span ``dimension`` directions.
    """
    rows = features.astype(np.float64)
    mean = rows.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(rows - mean, rowvar=False, bias=True))
    variances, directions = variances[::-1], directions[:, ::-1]
    rank = int((variances > RANK_TOLERANCE * variances[0]).sum())
    if dimension > rank:
        raise ConfigError(
            f"--dimension {dimension}: the features of {len(rows)} training pictures span only "
            f"{rank} directions.",
            remedy=f"Give a --dimension of at most {rank}, more pictures, or "
            "--projection-start random.",
        )
    kept = variances[:dimension] + SHRINK * variances.mean()
    weights = directions[:, :dimension].T / np.sqrt(kept)[:, None]
    weights /= np.sqrt((((rows - mean) @ weights.T) ** 2).sum(axis=1).mean())
    return _single(weights), _single(-weights @ mean)


def _single(values: npt.NDArray[np.float64]) -> FloatArray:
    return np.ascontiguousarray(values, np.float32)

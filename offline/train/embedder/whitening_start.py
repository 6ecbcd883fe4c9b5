"""Where the projection starts: learned whitening or PCA-whitening of the trunk's features.

Radenović, Tolias and Chum, PAMI 2019, put their learned whitening behind the pooling after
training; as a fully connected layer that goes on learning it comes before. On 450 pictures of 90
held-out products of Packbench standard, whose families were learned (MobileNetV2 of ImageNet,
GeM, 128 px, no training), mAP was 0.555 without a projection, 0.799 with learned whitening to 256
dimensions, 0.558 with PCA-whitening as it is here, and 0.512 with PCA-whitening not shrunk.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray
from offline.whitening.fit import Whitening, fit_learned, fit_pca
from offline.whitening.scatter import scatter_of_groups

# Towards no whitening at all: see above.
PCA_SHRINKAGE = 0.9


def learned_start(
    features: FloatArray, labels: npt.NDArray[np.int64], dimension: int
) -> tuple[FloatArray, FloatArray]:
    """Weights (dimension, C) and bias (dimension,) of learned whitening; features with one label
    match. Raises ConfigError for a dimension beyond what ``features`` (N, C) span."""
    scatter = scatter_of_groups(features, labels)
    return _layer(fit_learned(features, scatter, dimension), features)


def pca_start(features: FloatArray, dimension: int) -> tuple[FloatArray, FloatArray]:
    """The same of PCA-whitening, which needs no labels."""
    return _layer(fit_pca(features, dimension, PCA_SHRINKAGE), features)


def _layer(found: Whitening, features: FloatArray) -> tuple[FloatArray, FloatArray]:
    """y = Pᵀ (x - μ), scaled so that y has length 1 in the mean of squares: a learning rate then
    means the same whatever the trunk's features are like."""
    projected = (features - found.mean) @ found.projection
    weights = found.projection.T / np.sqrt((projected**2).sum(axis=1).mean())
    return weights.astype(np.float32), (-weights @ found.mean).astype(np.float32)

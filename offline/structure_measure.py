"""S-measure: how much of a mask's structure is right, by regions and by objects.

Fan, Cheng, Liu, Li, Borji: Structure-measure: A New Way to Evaluate Foreground Maps, ICCV 2017.
Where the paper leaves a choice, as in the code that its authors published: variances divide by
N - 1, and the four regions meet at the true mask's centroid, whose pixel belongs to the first.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from engine.types import BoolArray, Float64Array, FloatArray
from offline.metrics.masks import CUT

# Weight of the object measure against the region measure: the paper's.
ALPHA = 0.5

Slices = tuple[slice, slice]


def s_measure(predicted: FloatArray, true: FloatArray) -> float:
    """In [0, 1]; mattes are (H, W) in [0, 1], the true one is cut at 0.5.

    Where the true mask is empty, 1 - the mean of the predicted matte; where it is the whole
    picture, that mean. Raises ValueError where the shapes differ and for what is not finite.
    """
    if predicted.shape != true.shape or predicted.ndim != 2:
        raise ValueError(f"mattes must be of one shape, not {predicted.shape} and {true.shape}")
    alpha, mask = np.asarray(predicted, np.float64), np.asarray(true >= CUT, np.bool_)
    if not np.isfinite(alpha).all():
        raise ValueError("a matte must be finite")
    if not mask.any():
        return 1.0 - float(alpha.mean())
    if mask.all():
        return float(alpha.mean())
    both = ALPHA * _objects(alpha, mask) + (1 - ALPHA) * _regions(alpha, mask)
    return max(0.0, both)


def _objects(alpha: Float64Array, mask: BoolArray) -> float:
    """S_o: product and ground, each as a whole, weighted by their shares."""
    share = float(mask.mean())
    return share * _object(alpha[mask]) + (1 - share) * _object(1.0 - alpha[~mask])


def _object(values: Float64Array) -> float:
    """O_FG or O_BG with lambda = 0.5: bright and even is 1."""
    mean = float(values.mean())
    return 2 * mean / (mean * mean + 1.0 + math.sqrt(_spread(values)))


def _regions(alpha: Float64Array, mask: BoolArray) -> float:
    """S_r: structural similarity of four regions, weighted by their areas."""
    truth = mask.astype(np.float64)
    return sum(
        alpha[part].size / alpha.size * _similarity(alpha[part], truth[part])
        for part in _quarters(mask)
    )


def _quarters(mask: BoolArray) -> Iterator[Slices]:
    """Around the centroid, rounded half up; those without a pixel are left out."""
    rows, columns = np.nonzero(mask)
    down, across = (math.floor(float(places.mean()) + 0.5) + 1 for places in (rows, columns))
    height, width = mask.shape
    for upper, lower in ((0, down), (down, height)):
        for left, right in ((0, across), (across, width)):
            if upper < lower and left < right:
                yield slice(upper, lower), slice(left, right)


def _similarity(alpha: Float64Array, truth: Float64Array) -> float:
    """SSIM (Wang et al., IEEE TIP 2004) without its constants: 1 for two even regions, whatever
    their levels, and 0 where just one of them is even."""
    one, other = float(alpha.mean()), float(truth.mean())
    spread = _spread(alpha) + _spread(truth)
    together = float(((alpha - one) * (truth - other)).sum()) / max(alpha.size - 1, 1)
    above, below = 4 * one * other * together, (one * one + other * other) * spread
    if above != 0.0:
        return above / below
    return 1.0 if below == 0.0 else 0.0


def _spread(values: Float64Array) -> float:
    """Variance over N - 1; 0 of a single value."""
    return float(values.var(ddof=1)) if values.size > 1 else 0.0

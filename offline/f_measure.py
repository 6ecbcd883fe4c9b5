"""Maximum F-beta of a matte over all cuts: how well its grey levels rank product before ground.

Achanta, Hemami, Estrada, Süsstrunk: Frequency-tuned Salient Region Detection, CVPR 2009, equation
6, with their beta² = 0.3, which weighs precision over recall. A matte is cut at its 256 levels;
the true one at 0.5.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.types import FloatArray
from offline.metrics.masks import CUT
from offline.metrics.statistics import RESAMPLES, Interval
from offline.resampling import resampled

BETA_SQUARED = 0.3
LEVELS = 256

Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class CutCurve:
    """One picture, or a mean over some: (256,) each, entry t for the mask alpha >= t / 255."""

    precision: Curve  # 0 where nothing is predicted
    recall: Curve

    @property
    def f_beta(self) -> Curve:
        """(256,), 0 where both are 0."""
        return f_beta(self.precision, self.recall)


def cut_curve(predicted: FloatArray, true: FloatArray) -> CutCurve | None:
    """Of (H, W) mattes in [0, 1]; None where the true mask is empty, which has no recall.

    Alpha is rounded to 256 levels, as a mask file holds it, and not stretched to [0, 1] as some
    benchmarks do: that would make a mask out of an empty matte's noise. Raises ValueError where
    the shapes differ and for what lies outside [0, 1].
    """
    if predicted.shape != true.shape:
        raise ValueError(f"mattes of two shapes: {predicted.shape} and {true.shape}")
    if not bool(((predicted >= 0) & (predicted <= 1)).all()):  # also refuses NaN
        raise ValueError("a matte must lie in [0, 1]")
    levels = np.rint(np.asarray(predicted, np.float64) * (LEVELS - 1)).astype(np.int64)
    mask = true >= CUT
    if not mask.any():
        return None
    right = _at_least(levels[mask])
    given = _at_least(levels.ravel())
    return CutCurve(right / np.maximum(given, 1), right / right[0])


def f_beta(precision: Curve, recall: Curve) -> Curve:
    """Equation 6 of Achanta et al.; 0 where precision and recall are."""
    below = BETA_SQUARED * precision + recall
    above = (1 + BETA_SQUARED) * precision * recall
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)


def max_f_beta(curve: CutCurve) -> float:
    """At the cut that is best for it: for one picture, the best that its matte could give."""
    return float(curve.f_beta.max())


def mean_curve(curves: Sequence[CutCurve]) -> CutCurve:
    """Precision and recall averaged over pictures, cut by cut. ValueError without any."""
    if not curves:
        raise ValueError("a mean needs at least one picture")
    return CutCurve(
        np.mean([curve.precision for curve in curves], axis=0),
        np.mean([curve.recall for curve in curves], axis=0),
    )


def set_max_f_beta(
    curves: Sequence[CutCurve],
    *,
    seed: int,
    resamples: int = RESAMPLES,
    clusters: Sequence[Hashable] | None = None,
) -> Interval:
    """Max F-beta of a whole set, as salient-object benchmarks give it: one cut for all pictures.

    F-beta of the mean precision and the mean recall at every cut, and the highest of them (Borji,
    Cheng, Jiang, Li: Salient Object Detection: A Benchmark, IEEE TIP 2015). The mean over pictures
    of ``max_f_beta`` is another figure: there every picture has a cut of its own.
    The 95 % interval is of pictures resampled with replacement (percentiles), with their best cut
    chosen anew each time; pictures of one cluster together. Raises ValueError without pictures.
    """
    centre = max_f_beta(mean_curve(curves))
    precision = np.stack([curve.precision for curve in curves])  # (N, 256)
    recall = np.stack([curve.recall for curve in curves])
    found = []
    for times in resampled(len(curves), seed=seed, resamples=resamples, clusters=clusters):
        shares = times / times.sum(axis=1, keepdims=True)
        found.append(f_beta(shares @ precision, shares @ recall).max(axis=1))
    low, high = np.quantile(np.concatenate(found), [0.025, 0.975])
    return Interval(centre, float(low), float(high))


def _at_least(levels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """(256,) how many are >= t, for every level t."""
    counts = np.bincount(levels, minlength=LEVELS)
    return np.cumsum(counts[::-1])[::-1]

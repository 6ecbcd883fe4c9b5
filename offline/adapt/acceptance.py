"""The threshold of a match from its rate of false accepts, and the ROC curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.types import Float64Array
from offline.metrics.classification import checked_scores

Scores = Sequence[float] | Float64Array


@dataclass(frozen=True, eq=False)
class Roc:
    """What is accepted when all scores of at least a threshold are, from none to all.

    ``thresholds`` (T,) descend from infinity over every distinct score; ``false_accepts`` are
    fractions of the absent, ``true_accepts`` of the present ones. Scores that are equal pass
    together: between two points the curve is a straight line.
    """

    thresholds: Float64Array
    false_accepts: Float64Array
    true_accepts: Float64Array


def roc(present: Scores, absent: Scores) -> Roc:
    """Fawcett: An Introduction to ROC Analysis, Pattern Recognition Letters 2006, algorithm 1.

    The area below it is ``offline.metrics.classification.auroc``. Raises ValueError for
    a side that is empty and for NaN.
    """
    known, unknown = checked_scores(present), checked_scores(absent)
    thresholds = np.unique(np.concatenate([known, unknown]))[::-1]
    return Roc(
        thresholds=np.concatenate([[np.inf], thresholds]),
        false_accepts=np.concatenate([[0.0], _passing(unknown, thresholds)]),
        true_accepts=np.concatenate([[0.0], _passing(known, thresholds)]),
    )


def threshold_at(absent: Scores, false_accepts: float) -> float:
    """The score that an answer must exceed, so that of absent products no larger fraction passes.

    The ceil((1 - false_accepts) (N + 1))-th smallest of N scores: then a further absent product
    like these passes with that probability at most, whatever the scores' distribution (split
    conformal prediction: Papadopoulos, Proedrou, Vovk, Gammerman, ECML 2002). Of fewer than
    ``absent_needed`` the highest score, which promises 1 / (N + 1). Raises ValueError for a
    fraction outside (0, 1), no scores and NaN.
    """
    ascending = np.sort(checked_scores(absent))
    rank = np.ceil((1 - _checked(false_accepts)) * (len(ascending) + 1) - 1e-9)
    return float(ascending[min(int(rank), len(ascending)) - 1])


def refused_at(present: Scores, fraction: float) -> float | None:
    """The score up to which no larger fraction of photos of present products lies: the
    floor(fraction (N + 1))-th smallest of N, as ``threshold_at``. None where N is too small."""
    ascending = np.sort(checked_scores(present))
    rank = int(np.floor(_checked(fraction) * (len(ascending) + 1) + 1e-9))
    return float(ascending[rank - 1]) if rank else None


def absent_needed(false_accepts: float) -> int:
    """The number N of absent products that it takes: 1 / (N + 1) must not exceed the fraction."""
    return int(np.ceil(1 / _checked(false_accepts) - 1e-9)) - 1


def _passing(scores: Float64Array, thresholds: Float64Array) -> Float64Array:
    below = np.searchsorted(np.sort(scores), thresholds, side="left")
    passing: Float64Array = 1.0 - below / len(scores)
    return passing


def _checked(false_accepts: float) -> float:
    if not 0 < false_accepts < 1:
        raise ValueError(f"false accepts = {false_accepts}: must lie between 0 and 1")
    return false_accepts

"""From which score on a photo counts as one of no known category."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.types import Float64Array
from offline.metrics.classification import auroc
from stages.classify._probabilities import Floats, UnknownRule, UnknownScore, knownness

# Share of validation photos that must stay known. A photo that is wrongly called unknown is
# searched in every category: of 15, each percent of them adds 0.14 to the mean number searched.
KEEP = 0.99


def choose_unknown(
    logits: Floats,
    outliers: Floats | None = None,
    *,
    temperature: float = 1.0,
    scores: Sequence[UnknownScore] = ("max_probability", "energy"),
    keep: float = KEEP,
) -> UnknownRule:
    """The rule by which a photo is called unknown: a score and its least value.

    ``logits`` (N, C) of validation photos of known categories, ``outliers`` (M, C) of photos of
    none. ``scores`` are those to choose among: a network that gives probabilities has no energy.

    With outliers the score with the highest AUROC is taken (ties: the first), and of all
    thresholds that keep at least ``keep`` of the validation photos the one with the highest
    Youden index (share of known kept - share of unknown kept; Cancer 1950), ties to the lowest.
    Without, the first score and the highest threshold that keeps that share.
    """
    ceiling = {name: _highest(knownness(logits, name, temperature), keep) for name in scores}
    if outliers is None:
        return UnknownRule(score=scores[0], threshold=ceiling[scores[0]])
    pairs = {
        name: (knownness(logits, name, temperature), knownness(outliers, name, temperature))
        for name in scores
    }
    best = max(scores, key=lambda name: auroc(*pairs[name]))
    return UnknownRule(score=best, threshold=_youden(*pairs[best], ceiling[best]))


def _highest(known: Float64Array, keep: float) -> float:
    """The highest threshold t such that at least ``keep`` of the scores are >= t."""
    if not 0 < keep <= 1 or not len(known):
        raise ValueError(f"need scores and 0 < keep <= 1, not {len(known)} and {keep}")
    ascending = np.sort(known)
    lost = int(np.floor((1 - keep) * len(known) + 1e-9))
    return float(ascending[lost])


def _youden(known: Float64Array, unknown: Float64Array, ceiling: float) -> float:
    """Only scores of known photos can be best: between two of them only unknown ones are lost,
    so the higher end is at least as good."""
    thresholds = np.unique(known[known <= ceiling])
    kept = 1 - np.searchsorted(np.sort(known), thresholds, side="left") / len(known)
    passed = 1 - np.searchsorted(np.sort(unknown), thresholds, side="left") / len(unknown)
    return float(thresholds[int(np.argmax(kept - passed))])

"""What a classifier is calibrated by, fitted on held-out photos: temperature, thresholds.

The photos should be of families that the training has not seen: ``offline.datasets.hold_out``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.probabilities import (
    Floats,
    UnknownRule,
    UnknownScore,
    knownness,
    softmax_at,
)
from engine.types import Float64Array
from offline.metrics.calibration import Labels, checked
from offline.metrics.classification import auroc

# Where a temperature is looked for: beyond, probabilities are certain or equal for any logits that
# networks give.
LEAST, MOST = 0.05, 20.0
# Halvings of log(MOST / LEAST) = 6: the temperature is then known to a relative 1e-12.
_HALVINGS = 42

# Fraction of validation photos that must stay known. A photo that is incorrectly called unknown is
# searched in every category: of 15, each percent of them adds 0.14 to the mean number searched.
KEEP = 0.99


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature in [0.05, 20] that gives held-out labels the highest likelihood.

    ``logits`` (N, C), ``labels`` (N,) column numbers, both of photos that took no part in the
    training; if photos in service show new products, of families that took none either: see
    ``offline.datasets.hold_out.family_folds``. Temperature scaling as in Guo, Pleiss, Sun,
    Weinberger, ICML 2017, section 4.2. The likelihood is concave in 1/T,
    so its slope has one sign change and halving finds it.

    Where every photo is correct by some margin the likelihood grows for ever as T goes to 0. Then,
    and only then, the labels count as Platt counts them ("Probabilistic outputs for support
    vector machines", 1999): correct with (N + 1) / (N + 2), the rest divided among the other
    columns. 1.0 where the logits do not distinguish columns. Raises ValueError without photos,
    for shapes that do not fit and for logits that are not finite.
    """
    rows, places = checked(logits, labels)
    if float(np.ptp(rows, axis=1).max()) == 0.0:
        return 1.0
    hit = rows[np.arange(len(rows)), places]
    # Photos that are incorrect bound the likelihood, wherever its best temperature lies.
    if _slope(rows, hit, 1 / LEAST) <= 0 and bool((hit == rows.max(axis=1)).all()):
        count, columns = rows.shape
        doubt = 1 / (count + 2) if columns > 1 else 0.0
        others = (rows.sum(axis=1) - hit) / max(columns - 1, 1)
        hit = (1 - doubt) * hit + doubt * others
    low, high = np.log(LEAST), np.log(MOST)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(rows, hit, float(np.exp(-middle))) > 0:
            low = middle  # too sharp: the optimum has a higher temperature
        else:
            high = middle
    return float(np.exp((low + high) / 2))


def _slope(rows: Float64Array, hit: Float64Array, sharpness: float) -> float:
    """Derivative of the mean negative log-likelihood by ``sharpness`` = 1/T.

    Mean of (expected logit) - (logit of the label): never falls in sharpness.
    """
    expected = (softmax_at(rows, 1 / sharpness) * rows).sum(axis=1)
    return float((expected - hit).mean())


def least_probability(probabilities: Floats, labels: Labels, reach: float) -> float:
    """The highest threshold whose categories hold the true one with probability >= ``reach``.

    ``probabilities`` (N, C), calibrated, of photos that took no part in the training. Of all
    rules with that reach, "every category of at least this probability" has the smallest sets
    when the probabilities are calibrated (Sadinle, Lei, Wasserman, JASA 2019). The
    threshold is the floor((1 - reach) (N + 1))-th smallest probability of a true category: then
    the promise holds for any classifier, averaged over photos like these (split conformal
    prediction: Papadopoulos, Proedrou, Vovk, Gammerman, ECML 2002).

    Where N is too small to promise ``reach``, the smallest probability seen, which promises
    N / (N + 1). Raises ValueError for a reach outside (0, 1] and as ``fit_temperature`` does.
    """
    if not 0 < reach <= 1:
        raise ValueError(f"reach = {reach}: must lie in (0, 1]")
    rows, places = checked(probabilities, labels)
    ascending = np.sort(rows[np.arange(len(rows)), places])
    rank = int(np.floor((1 - reach) * (len(ascending) + 1) + 1e-9))
    return float(min(ascending[max(rank, 1) - 1], 1.0))


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
    Youden index (fraction of known kept - fraction of unknown kept; Cancer 1950), ties to the
    lowest. Without outliers, the first score and the highest threshold that keeps that fraction.
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

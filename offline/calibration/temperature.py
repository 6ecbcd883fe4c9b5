"""The one number that makes a network's probabilities honest, fitted on held-out photos."""

from __future__ import annotations

import numpy as np

from engine.types import Float64Array
from offline.metrics.calibration import Labels, checked
from stages.classify._probabilities import Floats, softmax_at

# Where a temperature is looked for: beyond, probabilities are certain or equal for any logits that
# networks give.
LEAST, MOST = 0.05, 20.0
# Halvings of log(MOST / LEAST) = 6: the temperature is then known to a relative 1e-12.
_HALVINGS = 42


def fit_temperature(logits: Floats, labels: Labels) -> float:
    """The temperature in [0.05, 20] that gives held-out labels the highest likelihood.

    ``logits`` (N, C), ``labels`` (N,) column numbers, both of photos that took no part in the
    training; if photos in service show new products, of families that took none either: see
    ``offline.calibration.families``. Temperature scaling as in Guo, Pleiss, Sun, Weinberger,
    ICML 2017, section 4.2. The likelihood is concave in 1/T, so its slope has one sign change and
    halving finds it.

    Where every photo is right by some margin the likelihood grows for ever as T goes to 0. Then,
    and only then, the labels count as Platt counts them ("Probabilistic outputs for support
    vector machines", 1999): right with (N + 1) / (N + 2), the rest shared by the other columns.
    1.0 where the logits cannot tell columns apart. Raises ValueError without photos, for shapes
    that do not fit and for logits that are not finite.
    """
    rows, right = checked(logits, labels)
    if float(np.ptp(rows, axis=1).max()) == 0.0:
        return 1.0
    hit = rows[np.arange(len(rows)), right]
    # Photos that are wrong bound the likelihood, wherever its best temperature lies.
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

    Mean of (what the model expects the logit to be) - (what it was): never falls in sharpness.
    """
    expected = (softmax_at(rows, 1 / sharpness) * rows).sum(axis=1)
    return float((expected - hit).mean())

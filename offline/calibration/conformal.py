"""How likely a category must be to be worth searching, with a promise on how often that holds."""

from __future__ import annotations

import numpy as np

from offline.metrics.calibration import Labels, checked
from stages.classify._probabilities import Floats


def least_probability(probabilities: Floats, labels: Labels, reach: float) -> float:
    """The highest threshold whose categories hold the true one with probability >= ``reach``.

    ``probabilities`` (N, C), calibrated, of photos that took no part in the training. Of all
    rules with that reach, "every category of at least this probability" has the smallest sets
    when the probabilities are right (Sadinle, Lei, Wasserman, JASA 2019). The
    threshold is the floor((1 - reach) (N + 1))-th smallest probability of a true category: then
    the promise holds for any classifier, averaged over photos like these (split conformal
    prediction: Papadopoulos, Proedrou, Vovk, Gammerman, ECML 2002).

    Where N is too small to promise ``reach``, the smallest probability seen, which promises
    N / (N + 1). Raises ValueError for a reach outside (0, 1] and as ``fit_temperature`` does.
    """
    if not 0 < reach <= 1:
        raise ValueError(f"reach = {reach}: must lie in (0, 1]")
    rows, right = checked(probabilities, labels)
    ascending = np.sort(rows[np.arange(len(rows)), right])
    rank = int(np.floor((1 - reach) * (len(ascending) + 1) + 1e-9))
    return float(min(ascending[max(rank, 1) - 1], 1.0))

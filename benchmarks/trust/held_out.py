"""Trust of photos by fits that saw nothing of their families."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from offline.adapt.logistic import grouped_folds, held_out_probabilities
from offline.metrics.masks import CORRECT_IOU
from offline.train.trust.training import FOLDS
from stages.trust._features import NAMES
from stages.trust._model import REACH
from trust.two_ways import TwoWays

# On the photos of `standard` ridges from 0.3 to 10 gave AUROCs within 0.01 of each other.
RIDGE = 3.0


def cross_fitted(photos: Sequence[TwoWays], others: Sequence[TwoWays]) -> list[TwoWays]:
    """The photos with held-out probabilities for their trust; ``others`` only help the fits."""
    known = [one for one in (*photos, *others) if one.evidence is not None]
    rows = np.array([one.evidence for one in known])
    right = np.array([one.iou >= CORRECT_IOU for one in known])
    folds = grouped_folds([str(one.image.family) for one in known], FOLDS, seed=0)
    trusts = held_out_probabilities(rows, right, NAMES, RIDGE, folds, REACH)
    by_image = {one.image.id: t for one, t in zip(known, trusts.tolist(), strict=True)}
    return [replace(one, trust=by_image.get(one.image.id, 0.0)) for one in photos]

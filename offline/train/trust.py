"""Fit how far a segmenter's masks can be believed, and find out how true the score is.

Every figure is of masks that took no part in the fit that judged them: folds of whole families.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.linear_model import LinearModel
from engine.types import BoolArray, Float64Array
from offline.calibration.logistic import (
    fit_logistic,
    grouped_folds,
    held_out_probabilities,
    log_loss,
)
from offline.metrics.calibration import expected_calibration_error
from offline.metrics.classification import auroc
from offline.metrics.masks import CORRECT_IOU
from offline.train.judged_masks import JudgedMasks
from stages.trust._features import NAMES
from stages.trust._model import AGREEMENT, REACH, Segmenter, TrustModel

# What believing a wrong mask costs, with that of throwing a right one away as 1: believed is then
# what is likelier right than wrong. benchmarks/mask_trust.py measures the cost for a chain.
WRONG_COST = 1.0

FOLDS = 5
RIDGES = (0.3, 1.0, 3.0, 10.0, 30.0)  # the best is chosen by held-out log loss
LEAST = 20  # masks of each kind, below which thirteen features fit noise
BINS = 10  # of the calibration error: a few hundred masks fill no more


@dataclass(frozen=True)
class Fit:
    """What is asked of a fit. ``wrong_cost``: see ``least_trust``."""

    right_iou: float = CORRECT_IOU
    wrong_cost: float = WRONG_COST
    seed: int = 0


@dataclass(frozen=True, eq=False)
class _Fitted:
    model: LinearModel
    held_out: Float64Array  # (N,) by fits to the other folds


def fit_trust(masks: JudgedMasks, segmenter: Segmenter, asked: Fit, data: str) -> TrustModel:
    """A model with and, where the masks were looked at twice, without the second look.

    Raises ConfigError where there are too few right or wrong masks to learn from.
    """
    right = masks.iou >= asked.right_iou
    _refuse_one_sided(right, asked.right_iou)
    folds = grouped_folds(masks.groups, FOLDS, asked.seed)
    threshold = least_trust(asked.wrong_cost)
    first = _fitted(masks.features(second=False), right, NAMES, folds)
    measured = {"masks": float(len(masks)), "right": float(right.mean())}
    measured |= figures(first.held_out, right)
    second = None
    doubtful = (threshold, threshold)
    if masks.agreement is not None:
        names = (*NAMES, AGREEMENT)
        second = _fitted(masks.features(second=True), right, names, folds)
        twice = figures(second.held_out, right)
        measured |= {f"second_{name}": value for name, value in twice.items()}
        doubtful = _doubtful(first.held_out, second.held_out, threshold)
    return TrustModel(
        segmenter=segmenter,
        right_iou=asked.right_iou,
        threshold=threshold,
        doubtful=doubtful,
        first=first.model,
        second=None if second is None else second.model,
        data=data,
        figures={name: round(value, 4) for name, value in measured.items()},
    )


def least_trust(wrong_cost: float) -> float:
    """From which probability of being right a mask is worth using.

    Using it costs ``wrong_cost`` when it is wrong, throwing it away costs 1 when it is right:
    using pays where (1 - p) * wrong_cost <= p (Elkan: The Foundations of Cost-Sensitive Learning,
    IJCAI 2001, equation 2). Raises ConfigError for a cost that is not positive.
    """
    if not (wrong_cost > 0 and np.isfinite(wrong_cost)):
        raise ConfigError(f"--wrong-cost {wrong_cost}: must be above 0.")
    return wrong_cost / (1 + wrong_cost)


def figures(probabilities: Float64Array, right: BoolArray) -> Mapping[str, float]:
    """AUROC, ECE of right against wrong, log loss; nan-free: 0.5 where there is one kind only."""
    both = np.column_stack([1 - probabilities, probabilities])
    told = auroc(probabilities[right], probabilities[~right]) if 0 < right.mean() < 1 else 0.5
    return {
        "auroc": told,
        "ece": expected_calibration_error(both, right.astype(np.int64), BINS),
        "log_loss": log_loss(probabilities, right),
    }


def _fitted(
    rows: Float64Array, right: BoolArray, names: tuple[str, ...], folds: npt.NDArray[np.int64]
) -> _Fitted:
    tried = {
        ridge: held_out_probabilities(rows, right, names, ridge, folds, REACH) for ridge in RIDGES
    }
    ridge = min(RIDGES, key=lambda one: log_loss(tried[one], right))
    return _Fitted(fit_logistic(rows, right, names, ridge, reach=REACH), tried[ridge])


def _doubtful(first: Float64Array, second: Float64Array, threshold: float) -> tuple[float, float]:
    """The first scores between which a second look changed nine of ten of what it changed."""
    changed = first[(first >= threshold) != (second >= threshold)]
    if not len(changed):
        return threshold, threshold
    low, high = np.quantile(changed, [0.05, 0.95])
    return float(min(low, threshold)), float(max(high, threshold))


def _refuse_one_sided(right: BoolArray, right_iou: float) -> None:
    good, bad = int(right.sum()), int((~right).sum())
    if min(good, bad) < LEAST:
        raise ConfigError(
            f"{good} masks are right (IoU of {right_iou:g} or more) and {bad} wrong: "
            f"at least {LEAST} of each are needed to tell them apart.",
            remedy="Give more pictures, or harder ones, with --split; or another --right-iou.",
        )

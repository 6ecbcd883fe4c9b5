"""Logistic regression with a ridge, and probabilities of samples that took no part in a fit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from engine.types import Float64Array
from stages.trust._model import Logistic, Term, sigmoid, standardised

# Keeps the intercept finite where all samples of a fold are of one kind; otherwise unnoticed.
INTERCEPT_RIDGE = 1e-3
# A feature that never varies says nothing; this keeps its division defined.
LEAST_DEVIATION = 1e-6
# Newton needs about six steps; step halving makes each one a descent.
STEPS = 100
TOLERANCE = 1e-9  # of the largest slope


def fit_logistic(
    rows: Float64Array, right: npt.NDArray[np.bool_], names: Sequence[str], ridge: float
) -> Logistic:
    """The minimum of -log likelihood + ridge / 2 * |weights|^2 over standardised features.

    ``rows`` (N, F) in the order of ``names``. Iteratively reweighted least squares (McCullagh,
    Nelder: Generalized Linear Models, 1989, section 4.4) with a ridge (le Cessie, van
    Houwelingen: Ridge Estimators in Logistic Regression, Applied Statistics 1992). The problem
    is convex, so the answer does not depend on a start. Raises ValueError for ridge <= 0.
    """
    if ridge <= 0:
        raise ValueError(f"ridge = {ridge}: must be positive")
    means = rows.mean(axis=0)
    deviations = np.maximum(rows.std(axis=0), LEAST_DEVIATION)
    design = np.column_stack([np.ones(len(rows)), standardised(rows, means, deviations)])
    penalty = np.array([INTERCEPT_RIDGE, *[ridge] * rows.shape[1]])
    found = newton(design, right.astype(np.float64), penalty).tolist()
    terms = zip(names, means.tolist(), deviations.tolist(), found[1:], strict=True)
    return Logistic(
        intercept=found[0],
        terms={name: Term(mean=m, deviation=d, weight=w) for name, m, d, w in terms},
    )


def penalised_loss(
    weights: Float64Array, design: Float64Array, right: Float64Array, penalty: Float64Array
) -> float:
    """What ``fit_logistic`` minimises: log(1 + exp(x)) - y x summed, and the ridge."""
    logits = design @ weights
    likelihood = np.logaddexp(0.0, logits) - right * logits
    return float(likelihood.sum() + (penalty * weights**2).sum() / 2)


def held_out_probabilities(
    rows: Float64Array,
    right: npt.NDArray[np.bool_],
    names: Sequence[str],
    ridge: float,
    folds: npt.NDArray[np.int64],
) -> Float64Array:
    """(N,): every sample's probability by a fit to the other folds."""
    found = np.zeros(len(rows))
    for fold in np.unique(folds):
        out = folds == fold
        model = fit_logistic(rows[~out], right[~out], names, ridge)
        found[out] = model.probability(rows[out])
    return found


def grouped_folds(groups: Sequence[str], folds: int, seed: int) -> npt.NDArray[np.int64]:
    """(N,) fold numbers: a group stays together, and folds differ by one group at most."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[position]: number % folds for number, position in enumerate(order)}
    return np.array([place[group] for group in groups], np.int64)


def log_loss(probabilities: Float64Array, right: npt.NDArray[np.bool_]) -> float:
    """Mean of -log of the probability of what was so, natural logarithm."""
    kept = np.clip(np.where(right, probabilities, 1 - probabilities), 1e-12, 1.0)
    return float(-np.log(kept).mean())


def newton(design: Float64Array, right: Float64Array, penalty: Float64Array) -> Float64Array:
    """(C,) weights of the columns of ``design`` (N, C) with the least ``penalised_loss``."""
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        expected = sigmoid(design @ weights)
        slope = design.T @ (expected - right) + penalty * weights
        if np.abs(slope).max() < TOLERANCE:
            break
        spread = expected * (1 - expected)
        curvature = (design * spread[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, slope).astype(np.float64)
        weights = _descended(weights, step, design, right, penalty)
    return weights


def _descended(
    weights: Float64Array,
    step: Float64Array,
    design: Float64Array,
    right: Float64Array,
    penalty: Float64Array,
) -> Float64Array:
    """The whole step, or as much of it as does not raise the loss."""
    before = penalised_loss(weights, design, right, penalty)
    for _ in range(30):
        if penalised_loss(weights - step, design, right, penalty) <= before:
            return weights - step
        step = step / 2
    return weights

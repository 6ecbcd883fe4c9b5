"""The one fitter of ``engine.linear_model``: logistic regression with a ridge.

Also folds of whole groups, and probabilities of samples that took no part in a fit.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from engine.linear_model import LinearModel, Term, sigmoid, standardised
from engine.types import BoolArray, Float64Array, IntArray

# Keeps the intercept finite where all samples of a fold are of one class; otherwise unnoticed.
INTERCEPT_RIDGE = 1e-3
# A feature that varies by less than this is constant: its weight becomes 0, whatever divides it.
LEAST_DEVIATION = 1e-6
# Newton needs about six steps; step halving makes each one a descent.
STEPS = 100
TOLERANCE = 1e-9  # of the largest slope


def fit_logistic(
    rows: Float64Array,
    positive: BoolArray,
    names: Sequence[str],
    ridge: float,
    *,
    reach: float = math.inf,
    non_negative: bool = False,
    balanced: bool = False,
) -> LinearModel:
    """The minimum of -log likelihood + ridge / 2 * |weights|^2 over standardised features.

    ``rows`` (N, F) in the order of ``names``; ``reach`` as of the model; ``balanced``: both
    classes weigh N / 2. Iteratively reweighted least squares (McCullagh, Nelder: Generalized
    Linear Models, 1989, section 4.4) with a ridge (le Cessie, van Houwelingen: Ridge Estimators in
    Logistic Regression, Applied Statistics 1992). The problem is convex, so the answer does not
    depend on a start. With ``non_negative`` a feature whose weight would be negative is left out,
    the most negative one first (the active set method for problems with bounds; Lawson, Hanson:
    Solving Least Squares Problems, 1974). Raises ValueError for ridge <= 0.
    """
    if ridge <= 0:
        raise ValueError(f"ridge = {ridge}: must be positive")
    means, deviations = moments(rows)
    scaled = standardised(rows, means, deviations, reach)
    labels = positive.astype(np.float64)
    counts = _balanced(labels) if balanced else np.ones(len(rows))
    kept = list(range(rows.shape[1]))
    while True:
        design = np.column_stack([np.ones(len(rows)), scaled[:, kept]])
        penalty = np.array([INTERCEPT_RIDGE, *[ridge] * len(kept)])
        found = newton(design, labels, penalty, counts)
        if not non_negative or not kept or found[1:].min() >= 0:
            break
        del kept[int(found[1:].argmin())]
    weights = np.zeros(rows.shape[1])
    weights[kept] = found[1:]
    columns = zip(names, means.tolist(), deviations.tolist(), weights.tolist(), strict=True)
    terms = {name: Term(mean=m, deviation=d, weight=w) for name, m, d, w in columns}
    return LinearModel(intercept=float(found[0]), terms=terms, reach=reach)


def moments(rows: Float64Array) -> tuple[Float64Array, Float64Array]:
    """(F,) means and deviations by which a fit standardises; 1 for a constant feature."""
    deviations = rows.std(axis=0)
    return rows.mean(axis=0), np.where(deviations > LEAST_DEVIATION, deviations, 1.0)


def penalised_loss(
    weights: Float64Array,
    design: Float64Array,
    labels: Float64Array,
    penalty: Float64Array,
    counts: Float64Array | float = 1.0,
) -> float:
    """What ``fit_logistic`` minimises: log(1 + exp(x)) - y x summed, and the ridge."""
    logits = design @ weights
    likelihood = counts * (np.logaddexp(0.0, logits) - labels * logits)
    return float(likelihood.sum() + (penalty * weights**2).sum() / 2)


def newton(
    design: Float64Array, labels: Float64Array, penalty: Float64Array, counts: Float64Array
) -> Float64Array:
    """(C,) weights of the columns of ``design`` (N, C) with the least ``penalised_loss``."""
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        expected = sigmoid(design @ weights)
        slope = design.T @ (counts * (expected - labels)) + penalty * weights
        if np.abs(slope).max() < TOLERANCE:
            break
        spread = counts * expected * (1 - expected)
        curvature = (design * spread[:, None]).T @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, slope).astype(np.float64)
        before = penalised_loss(weights, design, labels, penalty, counts)
        for _ in range(30):  # the whole step, or as much of it as does not raise the loss
            if penalised_loss(weights - step, design, labels, penalty, counts) <= before:
                break
            step = step / 2
        else:
            break  # rounding is all that is left
        weights = weights - step
    return weights


def held_out_probabilities(
    rows: Float64Array,
    positive: BoolArray,
    names: Sequence[str],
    ridge: float,
    folds: IntArray,
    reach: float = math.inf,
) -> Float64Array:
    """(N,): every sample's probability by a fit to the other folds."""
    found = np.zeros(len(rows))
    for fold in np.unique(folds):
        out = folds == fold
        model = fit_logistic(rows[~out], positive[~out], names, ridge, reach=reach)
        found[out] = model.probability(rows[out])
    return found


def grouped_folds(groups: Sequence[str], folds: int, seed: int) -> IntArray:
    """(N,) fold numbers: a group stays together, and folds differ by one group at most."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    place = {names[position]: number % folds for number, position in enumerate(order)}
    return np.array([place[group] for group in groups], np.int64)


def log_loss(probabilities: Float64Array, positive: BoolArray) -> float:
    """Mean of -log of the probability of the true class, natural logarithm."""
    kept = np.clip(np.where(positive, probabilities, 1 - probabilities), 1e-12, 1.0)
    return float(-np.log(kept).mean())


def _balanced(labels: Float64Array) -> Float64Array:
    """(N,) weights N / (2 * samples of the class), as scikit-learn balances classes."""
    positives = labels.sum()
    of_class = np.where(labels == 1, positives, len(labels) - positives)
    found: Float64Array = len(labels) / (2 * of_class)
    return found

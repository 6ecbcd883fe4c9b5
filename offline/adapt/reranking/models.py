"""The models that may be fitted: logistic regression, and boosted trees by scikit-learn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.linear_model import standardised
from engine.types import BoolArray, Float64Array
from offline.adapt.logistic import fit_logistic, moments
from stages.rerank._pair_features import NAMES
from stages.rerank._scorer import REACH, Coefficients, Scorer
from stages.rerank._trees import Boosting, Tree, Trees
from weights.frameworks.network import import_framework

Kind = Literal["logistic", "boosting"]

# The retrieval's score speaks for a pair, whatever a small sample shows.
LEAST_SLOPE = 1e-6
SCORE = NAMES.index("score")


@dataclass(frozen=True)
class Hyperparameters:
    """Of one fit. ``strength``: C of logistic regression, the inverse of its ridge, small for
    cautious. ``depth`` and ``trees`` are of boosting. ``balanced``: the positive pairs weigh as
    much as the many negative ones."""

    kind: Kind
    strength: float = 1.0
    balanced: bool = False
    depth: int = 0
    trees: int = 0

    def __str__(self) -> str:
        if self.kind == "boosting":
            return f"gradient boosting, {self.trees} trees of depth {self.depth}"
        weighed = ", classes balanced" if self.balanced else ""
        return f"logistic regression, C = {self.strength:g}{weighed}"


# The simplest and most cautious first: of equals the first is chosen.
LOGISTIC = tuple(
    Hyperparameters("logistic", strength, balanced)
    for strength in (0.001, 0.01, 0.1, 1.0, 10.0)
    for balanced in (False, True)
)
BOOSTING = tuple(Hyperparameters("boosting", depth=depth, trees=200) for depth in (2, 3))
LEARNING_RATE = 0.05  # of boosting: what a tree adds
# Stochastic boosting (Friedman, Computational Statistics & Data Analysis 2002): half of the pairs
# a tree, and the root of the features a split. With all features and leaves of 20 pairs, seeds
# differed by up to 0.06 of R@1 on 120 photos, and a fit took twice the time.
SUBSAMPLE, FEATURES = 0.5, "sqrt"
LEAF = 60  # pairs in a leaf at least; of small samples a fiftieth of the pairs


def tried(model: Literal["logistic", "boosting", "best"]) -> tuple[Hyperparameters, ...]:
    return {"logistic": LOGISTIC, "boosting": BOOSTING, "best": LOGISTIC + BOOSTING}[model]


def fit(
    chosen: Hyperparameters,
    rows: Float64Array,
    positive: BoolArray,
    seed: int,
    names: Sequence[str] = NAMES,
) -> Scorer:
    """A scorer of pairs (P, F), columns as in ``names``, that are ``positive`` (P,) or not, both
    classes among them.

    Raises WeightsError for boosting where scikit-learn or onnx is not installed.
    """
    means, scales = moments(rows)
    model: Coefficients | Trees
    if chosen.kind == "boosting":
        near = standardised(rows, means, scales, REACH)
        model = _boosting(chosen, near, positive, seed).compiled(len(names))
    else:
        model = _logistic(chosen, rows, positive, names)
    return Scorer(
        features=tuple(names),
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        slope=_slope(rows[:, [SCORE]], positive),
        model=model,
    )


def _slope(score: Float64Array, positive: BoolArray) -> float:
    """Log odds that one unit of the score alone is worth."""
    (term,) = fit_logistic(score, positive, ["score"], ridge=1.0, reach=REACH).terms.values()
    return max(term.weight, LEAST_SLOPE) / term.deviation


def _logistic(
    chosen: Hyperparameters, rows: Float64Array, positive: BoolArray, names: Sequence[str]
) -> Coefficients:
    ridge = 1 / chosen.strength
    model = fit_logistic(rows, positive, names, ridge, reach=REACH, balanced=chosen.balanced)
    weights = tuple(term.weight for term in model.terms.values())
    return Coefficients(intercept=model.intercept, coefficients=weights)


def _boosting(
    chosen: Hyperparameters, near: Float64Array, positive: BoolArray, seed: int
) -> Boosting:
    model = import_framework("sklearn.ensemble").GradientBoostingClassifier(
        n_estimators=chosen.trees,
        max_depth=chosen.depth,
        learning_rate=LEARNING_RATE,
        subsample=SUBSAMPLE,
        max_features=FEATURES,
        min_samples_leaf=max(1, min(LEAF, len(positive) // 50)),
        random_state=seed,
    )
    model.fit(near, positive)
    return boosted(model)


def boosted(model: Any) -> Boosting:
    """The trees of a fitted GradientBoostingClassifier of two classes."""
    prior = float(model.init_.class_prior_[1])
    trees = [_tree(one.tree_, model.learning_rate) for one in model.estimators_[:, 0]]
    return Boosting(baseline=float(np.log(prior / (1 - prior))), trees=tuple(trees))


def _tree(tree: Any, learning_rate: float) -> Tree:
    leaf = tree.children_left < 0
    return Tree(
        feature=tuple(np.where(leaf, -1, tree.feature).tolist()),
        threshold=tuple(np.where(leaf, 0.0, tree.threshold).tolist()),
        left=tuple(np.where(leaf, 0, tree.children_left).tolist()),
        right=tuple(np.where(leaf, 0, tree.children_right).tolist()),
        value=tuple(np.where(leaf, learning_rate * tree.value[:, 0, 0], 0.0).tolist()),
    )

"""The models that may be fitted, by scikit-learn, and what is kept of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from engine.types import BoolArray, Float64Array
from stages.rerank._pair_features import NAMES
from weights.frameworks.network import import_framework
from weights.reranker_models import REACH, Linear, Scorer, Tree, Trees

Kind = Literal["logistic", "boosting"]

# A feature that never varies says nothing; this keeps its division defined.
LEAST_SCALE = 1e-6
# The retrieval's score speaks for a pair, whatever a small sample says.
LEAST_SLOPE = 1e-6
SCORE = NAMES.index("score")


@dataclass(frozen=True)
class Recipe:
    """One way to fit. ``strength``: C of logistic regression, small for cautious. ``depth`` and
    ``trees`` are of boosting. ``balanced``: right pairs weigh as much as the many wrong ones."""

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
    Recipe("logistic", strength, balanced)
    for strength in (0.001, 0.01, 0.1, 1.0, 10.0)
    for balanced in (False, True)
)
BOOSTING = (Recipe("boosting", depth=2, trees=200), Recipe("boosting", depth=3, trees=200))
RATE = 0.05  # of boosting: what a tree adds
# Stochastic boosting (Friedman, Computational Statistics & Data Analysis 2002): half of the pairs
# a tree, and the root of the features a question. With all features and leaves of 20 pairs, seeds
# differed by up to 0.06 of R@1 on 120 photos, and a fit took twice the time.
SUBSAMPLE, FEATURES = 0.5, "sqrt"
LEAF = 60  # pairs in a leaf at least; of small samples a fiftieth of the pairs


def recipes(asked: Literal["logistic", "boosting", "best"]) -> tuple[Recipe, ...]:
    return {"logistic": LOGISTIC, "boosting": BOOSTING, "best": LOGISTIC + BOOSTING}[asked]


def fit(recipe: Recipe, rows: Float64Array, right: BoolArray, seed: int) -> Scorer:
    """A scorer of pairs (P, F) that are ``right`` (P,) or wrong, both kinds among them.

    Raises WeightsError where scikit-learn is not installed.
    """
    means, scales = rows.mean(axis=0), rows.std(axis=0)
    scales = np.where(scales > LEAST_SCALE, scales, 1.0)
    near = np.clip((rows - means) / scales, -REACH, REACH)
    fitted = _logistic if recipe.kind == "logistic" else _boosting
    return Scorer(
        features=NAMES,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        slope=_slope(near[:, SCORE], right) / float(scales[SCORE]),
        model=fitted(recipe, near, right, seed),
    )


def _slope(score: Float64Array, right: BoolArray) -> float:
    """Log odds that a deviation of the score alone is worth."""
    model = import_framework("sklearn.linear_model").LogisticRegression(C=1.0)
    model.fit(score[:, None], right)
    return max(float(model.coef_[0, 0]), LEAST_SLOPE)


def _logistic(recipe: Recipe, near: Float64Array, right: BoolArray, seed: int) -> Linear:
    model = import_framework("sklearn.linear_model").LogisticRegression(
        C=recipe.strength,
        class_weight="balanced" if recipe.balanced else None,
        max_iter=2000,
        random_state=seed,
    )
    model.fit(near, right)
    return Linear(intercept=float(model.intercept_[0]), coefficients=tuple(model.coef_[0].tolist()))


def _boosting(recipe: Recipe, near: Float64Array, right: BoolArray, seed: int) -> Trees:
    model = import_framework("sklearn.ensemble").GradientBoostingClassifier(
        n_estimators=recipe.trees,
        max_depth=recipe.depth,
        learning_rate=RATE,
        subsample=SUBSAMPLE,
        max_features=FEATURES,
        min_samples_leaf=max(1, min(LEAF, len(right) // 50)),
        random_state=seed,
    )
    model.fit(near, right)
    return boosted(model)


def boosted(model: Any) -> Trees:
    """What a fitted GradientBoostingClassifier of two classes says, as plain numbers."""
    share = float(model.init_.class_prior_[1])
    trees = [_tree(one.tree_, model.learning_rate) for one in model.estimators_[:, 0]]
    return Trees(baseline=float(np.log(share / (1 - share))), trees=tuple(trees))


def _tree(tree: Any, rate: float) -> Tree:
    leaf = tree.children_left < 0
    return Tree(
        feature=tuple(np.where(leaf, -1, tree.feature).tolist()),
        threshold=tuple(np.where(leaf, 0.0, tree.threshold).tolist()),
        left=tuple(np.where(leaf, 0, tree.children_left).tolist()),
        right=tuple(np.where(leaf, 0, tree.children_right).tolist()),
        value=tuple(np.where(leaf, rate * tree.value[:, 0, 0], 0.0).tolist()),
    )

"""What a learned rerank says of a pair, as numbers in a file: a linear model or boosted trees.

Both give log odds of "the same product"; both are evaluated with numpy alone and agree with the
scikit-learn models that they were read from.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from engine.types import Float64Array, FloatArray, IntArray

# Standardised features are kept within this many deviations: a pair unlike all that were learned
# from must not be judged by one number that none of them had. Of the pairs of Packbench
# (docs/training-reranker.md) fewer than one number in 200 lies beyond.
REACH = 5.0

_LEAF = -1
# Rows that go through the trees together, so that what is held stays in the processor's cache:
# 900 rows of 200 trees took 7.6 ms at once and 3.7 ms so.
_BLOCK = 128


class Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Linear(Value):
    """Logistic regression: intercept + sum of coefficient * standardised feature."""

    kind: Literal["logistic"] = "logistic"
    intercept: FiniteFloat
    coefficients: tuple[FiniteFloat, ...]

    @property
    def highest_feature(self) -> int:
        return len(self.coefficients) - 1

    def weights(self, width: int) -> tuple[float, ...]:
        """A number a feature: what one standard deviation more adds to the log odds."""
        return self.coefficients

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) standardised -> (N,). Without BLAS, which may round a row by its neighbours."""
        found: Float64Array = self.intercept + np.einsum(
            "nf,f->n", rows, np.array(self.coefficients)
        )
        return found


class Tree(Value):
    """One regression tree as parallel lists, a node each; the first node is the root.

    Of a leaf ``feature`` is -1 and ``value`` counts; else a row goes ``left`` where its feature
    is <= ``threshold``. Children stand behind their parent.
    """

    feature: tuple[int, ...]
    threshold: tuple[FiniteFloat, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    value: tuple[FiniteFloat, ...]

    @model_validator(mode="after")
    def _is_a_tree(self) -> Self:
        count = len(self.feature)
        sizes = {len(part) for part in (self.threshold, self.left, self.right, self.value)}
        if sizes != {count} or not count:
            raise ValueError("a tree's lists must be of one length and not empty")
        inner = [at for at, feature in enumerate(self.feature) if feature != _LEAF]
        if any(not at < child < count for at in inner for child in (self.left[at], self.right[at])):
            raise ValueError("a tree's children must stand behind their parent")
        return self


class Trees(Value):
    """Gradient boosting: ``baseline`` + the sum of the leaves that a row falls into (Friedman:
    Greedy Function Approximation, Annals of Statistics 2001, algorithm 5).

    Leaves hold the learning rate. Features are compared as float32, as scikit-learn does.
    """

    kind: Literal["boosting"] = "boosting"
    baseline: FiniteFloat
    trees: tuple[Tree, ...] = Field(min_length=1)

    @property
    def highest_feature(self) -> int:
        return max(max(tree.feature) for tree in self.trees)

    def weights(self, width: int) -> tuple[float, ...]:
        """A number a feature: the share of all questions in the trees that ask for it."""
        asked = [feature for tree in self.trees for feature in tree.feature if feature != _LEAF]
        counts = np.bincount(np.array(asked, np.int64), minlength=width)
        return tuple((counts / max(1, len(asked))).tolist())

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) standardised -> (N,)."""
        found: Float64Array = np.full(len(rows), self.baseline)
        for first in range(0, len(rows), _BLOCK):
            block = slice(first, first + _BLOCK)
            found[block] += self._leaves(rows[block].astype(np.float32)).sum(axis=1)
        return found

    def _leaves(self, narrow: FloatArray) -> Float64Array:
        """(N, F) -> (N, trees): the values of the leaves that rows fall into."""
        forest = self._forest
        start = np.arange(len(narrow))[:, None] * narrow.shape[1]  # of each row among all numbers
        nodes = np.tile(forest.roots, (len(narrow), 1))
        for _ in range(forest.depth):
            asked = narrow.take(start + forest.feature.take(nodes))
            left = asked <= forest.threshold.take(nodes)
            nodes = np.where(left, forest.left.take(nodes), forest.right.take(nodes))
        return forest.value.take(nodes)

    @cached_property
    def _forest(self) -> _Forest:
        return _Forest(self.trees)


class _Forest:
    """The nodes of all trees in one row, children by their place in it. A leaf leads to itself,
    whatever it is asked, so that all rows may go down as far as the deepest tree."""

    def __init__(self, trees: tuple[Tree, ...]) -> None:
        sizes = [len(tree.feature) for tree in trees]
        self.roots: IntArray = np.cumsum([0, *sizes[:-1]])
        first = np.repeat(self.roots, sizes)
        feature, left, right = (
            np.concatenate([np.array(getattr(tree, name), np.int64) for tree in trees])
            for name in ("feature", "left", "right")
        )
        leaf, own = feature == _LEAF, np.arange(len(feature))
        self.feature: IntArray = np.where(leaf, 0, feature)
        self.left: IntArray = np.where(leaf, own, first + left)
        self.right: IntArray = np.where(leaf, own, first + right)
        self.threshold: Float64Array = np.concatenate([np.array(tree.threshold) for tree in trees])
        self.value: Float64Array = np.concatenate([np.array(tree.value) for tree in trees])
        self.depth = max(map(_depth, trees))


def _depth(tree: Tree) -> int:
    """Questions on the longest way to a leaf."""
    depth = [0] * len(tree.feature)
    for at in reversed(range(len(tree.feature))):  # children stand behind their parent
        if tree.feature[at] != _LEAF:
            depth[at] = 1 + max(depth[tree.left[at]], depth[tree.right[at]])
    return depth[0]


Model = Annotated[Linear | Trees, Field(discriminator="kind")]


class Scorer(Value):
    """Features of pairs to how likely they are right, on the scale of log odds.

    ``slope``: log odds that one unit of the retrieval's own score is worth; above 0, so that
    ``values`` at share 0 has the order of the retrieval.
    """

    features: tuple[str, ...] = Field(min_length=1)
    means: tuple[FiniteFloat, ...]
    scales: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    slope: FiniteFloat = Field(gt=0)
    score: str = "score"  # the feature that is the retrieval's score
    model: Model

    @model_validator(mode="after")
    def _of_one_width(self) -> Self:
        width = len(self.features)
        if {len(self.means), len(self.scales)} != {width} or len(set(self.features)) != width:
            raise ValueError("features, means and scales must be as many, and names distinct")
        if self.score not in self.features:
            raise ValueError(f"there is no feature {self.score!r}")
        highest = self.model.highest_feature
        if highest >= width or (isinstance(self.model, Linear) and highest != width - 1):
            raise ValueError(f"the model is not of {width} features")
        return self

    def standardised(self, rows: Float64Array) -> Float64Array:
        """(N, F) in deviations from the means, kept within ``REACH``."""
        apart = (rows - np.array(self.means)) / np.array(self.scales)
        found: Float64Array = np.clip(apart, -REACH, REACH)
        return found

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) -> (N,): what was learned, nothing else."""
        return self.model.log_odds(self.standardised(rows))

    def values(self, rows: Float64Array, share: float) -> Float64Array:
        """(N,): ``share`` of what was learned, the rest by the retrieval's score."""
        retrieved: Float64Array = self.slope * rows[:, self.features.index(self.score)]
        if share == 0:
            return retrieved
        blended: Float64Array = share * self.log_odds(rows) + (1 - share) * retrieved
        return blended

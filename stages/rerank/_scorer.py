"""The value of a pair by which the learned reranker sorts: a linear model or boosted trees.

Both give log odds of "the same product". The linear model is ``engine.linear_model``; boosted
trees run as an ONNX graph.
"""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import Field, FiniteFloat, model_validator

from engine.linear_model import LinearModel, Term, standardised
from engine.types import Float64Array
from stages.rerank._trees import Table, Trees

# Standardised features are clipped to this many deviations. Of the pairs of Packbench
# (docs/training-reranker.md) fewer than one value in 200 lies beyond.
REACH = 5.0


class Coefficients(Table):
    """Logistic regression, over the features as the scorer standardises them."""

    kind: Literal["logistic"] = "logistic"
    intercept: FiniteFloat
    coefficients: tuple[FiniteFloat, ...]


class Scorer(Table):
    """Features of pairs to their value, on the scale of log odds.

    ``slope``: log odds that one unit of the retrieval's own score is worth; above 0, so that
    ``values`` at share 0 has the order of the retrieval.
    """

    features: tuple[str, ...] = Field(min_length=1)
    means: tuple[FiniteFloat, ...]
    scales: tuple[Annotated[FiniteFloat, Field(gt=0)], ...]
    slope: FiniteFloat = Field(gt=0)
    score: str = "score"  # the feature that is the retrieval's score
    model: Annotated[Coefficients | Trees, Field(discriminator="kind")]

    @model_validator(mode="after")
    def _of_one_width(self) -> Self:
        width = len(self.features)
        if {len(self.means), len(self.scales)} != {width} or len(set(self.features)) != width:
            raise ValueError("features, means and scales must be as many, and names distinct")
        if self.score not in self.features:
            raise ValueError(f"there is no feature {self.score!r}")
        if len(self.weights) != width:
            raise ValueError(f"the model is not of {width} features")
        return self

    @property
    def weights(self) -> tuple[float, ...]:
        """One a feature: what a deviation adds to the log odds, or the fraction of all splits of
        the trees that test the feature."""
        return self.model.splits if isinstance(self.model, Trees) else self.model.coefficients

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) -> (N,): the learned value alone."""
        if isinstance(self.model, Trees):
            return self.model.log_odds(standardised(rows, self.means, self.scales, REACH))
        return self._linear.log_odds(rows)

    def values(self, rows: Float64Array, share: float) -> Float64Array:
        """(N,): ``share`` of the learned value, the rest by the retrieval's score."""
        retrieved: Float64Array = self.slope * rows[:, self.features.index(self.score)]
        if share == 0:
            return retrieved
        blended: Float64Array = share * self.log_odds(rows) + (1 - share) * retrieved
        return blended

    @cached_property
    def _linear(self) -> LinearModel:
        assert isinstance(self.model, Coefficients)
        columns = zip(self.features, self.means, self.scales, self.model.coefficients, strict=True)
        terms = {name: Term(mean=m, deviation=s, weight=w) for name, m, s, w in columns}
        return LinearModel(intercept=self.model.intercept, terms=terms, reach=REACH)

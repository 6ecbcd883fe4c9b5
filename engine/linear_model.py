"""The linear model of log odds: mask trust, match probabilities and rerankers are fitted as one.

``offline.adapt.logistic`` fits it. Rows are features, (N, F) in the order of the terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cached_property

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.types import Float64Array


class Term(BaseModel):
    """One feature: how it is standardised, and what one deviation adds to the log odds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: FiniteFloat
    deviation: FiniteFloat = Field(gt=0)
    weight: FiniteFloat


class LinearModel(BaseModel):
    """log(p / (1 - p)) = intercept + sum of weight * standardised feature.

    Standardised features are clipped to ``reach`` deviations: a row unlike all of the fit must not
    be decided by one value that no training row had. The reach belongs to the kind of model and is
    not written to its file.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    intercept: FiniteFloat
    terms: Mapping[str, Term]
    reach: float = Field(default=math.inf, gt=0, exclude=True)

    def log_odds(self, rows: Float64Array) -> Float64Array:
        """(N, F) -> (N,). Without BLAS, which may round a row by its neighbours in the batch."""
        means, deviations, weights = self._columns
        near = standardised(rows, means, deviations, self.reach)
        found: Float64Array = self.intercept + np.einsum("nf,f->n", near, weights)
        return found

    def probability(self, rows: Float64Array) -> Float64Array:
        """(N, F) -> (N,)."""
        return sigmoid(self.log_odds(rows))

    @cached_property
    def _columns(self) -> tuple[Float64Array, Float64Array, Float64Array]:
        terms = self.terms.values()
        return (
            np.array([term.mean for term in terms], np.float64),
            np.array([term.deviation for term in terms], np.float64),
            np.array([term.weight for term in terms], np.float64),
        )


def standardised(
    rows: Float64Array, means: npt.ArrayLike, deviations: npt.ArrayLike, reach: float = math.inf
) -> Float64Array:
    """(N, F) in deviations from the means, clipped to ``reach``."""
    found: Float64Array = np.clip(
        (rows - np.asarray(means)) / np.asarray(deviations), -reach, reach
    )
    return found


def sigmoid(values: npt.ArrayLike) -> Float64Array:
    """1 / (1 + exp(-x)) without overflow: tanh saturates."""
    found: Float64Array = 0.5 * (1.0 + np.tanh(0.5 * np.asarray(values, np.float64)))
    return found

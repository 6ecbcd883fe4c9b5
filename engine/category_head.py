"""The category of a vector by a softmax that was fitted to a gallery's labelled images.

The vote among neighbours may be one of its features: a logarithmic opinion
pool (Genest, Zidek: "Combining Probability Distributions", Statistical Science 1986).
``offline.adapt.head`` fits it, an adaptation holds it.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat

from engine.probabilities import UnknownRule, softmax_at
from engine.types import CategoryScores, Float64Array, FloatArray

# What a category has in a vote in which no neighbour is of it: 0 would rule it out.
LEAST_VOTE = 0.01


@dataclass(frozen=True, eq=False)
class CategoryHead:
    """Logits are x weights + bias + ``vote_weight`` * log(vote), probabilities their softmax at
    ``temperature``, of adapted vectors x.

    ``unknown``: when a photo shows none of the categories; ``least``: the probability from which on
    a category is searched where routing goes by it; None: neither was fitted. ``of_photos``:
    whether it predicts photos, as they judged it, or else catalogue images.
    """

    names: tuple[str, ...]
    weights: FloatArray  # (K, C)
    bias: FloatArray  # (C,)
    temperature: float = 1.0
    vote_weight: float = 0.0
    unknown: UnknownRule | None = None
    least: float | None = None
    of_photos: bool = True

    def __post_init__(self) -> None:
        count = len(self.names)
        if not count or self.weights.ndim != 2 or self.weights.shape[1] != count:
            raise ValueError(f"weights of {self.weights.shape} for {count} categories")
        if self.bias.shape != (count,):
            raise ValueError(f"bias of {self.bias.shape} for {count} categories")
        if not (np.isfinite(self.weights).all() and np.isfinite(self.bias).all()):
            raise ValueError("weights and bias must be finite")

    @property
    def dimension(self) -> int:
        return int(self.weights.shape[0])

    def scores(self, vector: FloatArray, vote: CategoryScores) -> CategoryScores:
        """(K,) adapted, and the vote on the same vector.

        A category that came after the fit, which only the vote can know, keeps what it has there.
        """
        # Without BLAS, whose last bits would depend on the machine's load.
        logits = np.einsum("k,kc->c", vector.astype(np.float64), self.weights) + self.bias
        row = (logits + self.vote_weight * log_vote(vote, self.names))[None]
        probabilities = softmax_at(row, self.temperature)[0]
        pairs = zip(vote.names, vote.probabilities.tolist(), strict=True)
        later = {name: value for name, value in pairs if name not in self.names}
        values = [*(probabilities * (1 - sum(later.values()))).tolist(), *later.values()]
        unknown = self.unknown is not None and bool(self.unknown.decide(row, self.temperature)[0])
        return CategoryScores(
            (*self.names, *later),
            np.maximum(values, 0).astype(np.float32),  # a sum may be 1 but for rounding
            unknown and not later,
            self.least,
        )

    def alone(self, vector: FloatArray) -> CategoryScores:
        """(K,): where there is no vote."""
        even = np.full(len(self.names), 1 / len(self.names), np.float32)
        return self.scores(vector, CategoryScores(self.names, even))

    def text(self) -> str:
        """JSON that ``read_head`` reads."""
        return _Kept(
            names=self.names,
            weights=_encoded(self.weights),
            bias=_encoded(self.bias),
            temperature=self.temperature,
            vote_weight=self.vote_weight,
            unknown=self.unknown,
            least=self.least,
            of_photos=self.of_photos,
        ).model_dump_json(exclude_none=True)


def read_head(text: str) -> CategoryHead:
    """ValueError for what ``CategoryHead.text`` has not written."""
    kept = _Kept.model_validate_json(text)
    bias = _decoded(kept.bias)
    values: dict[str, Any] = kept.model_dump(exclude={"weights", "bias", "unknown"})
    weights = _decoded(kept.weights).reshape(-1, len(bias))
    return CategoryHead(**values, weights=weights, bias=bias, unknown=kept.unknown)


def log_vote(vote: CategoryScores, names: tuple[str, ...]) -> Float64Array:
    """(C,) logarithms of what each of these categories has in a vote."""
    found = dict(zip(vote.names, vote.probabilities.tolist(), strict=True))
    return np.log([max(found.get(name, 0.0), LEAST_VOTE) for name in names])


class _Kept(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    names: tuple[str, ...] = Field(min_length=1)
    weights: str
    bias: str
    temperature: FiniteFloat = Field(gt=0)
    vote_weight: FiniteFloat = Field(ge=0)
    unknown: UnknownRule | None = None
    least: FiniteFloat | None = Field(default=None, ge=0, le=1)
    of_photos: bool


def _encoded(array: FloatArray) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def _decoded(text: str) -> FloatArray:
    return np.frombuffer(base64.b64decode(text, validate=True), "<f4").astype(np.float32)

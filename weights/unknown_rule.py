"""The decision that a photo shows no known category."""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.probabilities import Floats, max_probability, negative_energy
from engine.types import Float64Array

UnknownScore = Literal["max_probability", "energy"]


class UnknownRule(BaseModel):
    """A photo whose ``score`` lies below ``threshold`` is unknown; both scores rise with how
    known it looks. "energy" is the negative free energy at temperature 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: UnknownScore
    threshold: FiniteFloat

    def decide(self, logits: Floats, temperature: float) -> npt.NDArray[np.bool_]:
        """(N, C) logits to (N,) True where unknown."""
        scores = knownness(logits, self.score, temperature)
        return np.asarray(scores < self.threshold, np.bool_)


def knownness(logits: Floats, score: UnknownScore, temperature: float) -> Float64Array:
    """(N, C) logits to (N,) scores, higher = more like a known category.

    The temperature is that of the probabilities; energy keeps the logits' own scale, as Liu et
    al. (NeurIPS 2020) recommend.
    """
    if score == "energy":
        return negative_energy(logits)
    return max_probability(logits, temperature)

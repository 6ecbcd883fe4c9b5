"""Logits to probabilities, and the decision that a photo shows no known category.

Shared by serving, which applies a temperature and a rule, and by training, which fits them.
Computed in float64: a calibration is a matter of the last digits.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, FiniteFloat

from engine.types import BoolArray, Float64Array

Floats = npt.NDArray[np.floating]
UnknownScore = Literal["max_probability", "energy"]


def softmax_at(logits: Floats, temperature: float = 1.0) -> Float64Array:
    """(N, C) logits to (N, C) probabilities that sum to 1 a row: softmax(logits / temperature).

    The temperature of Guo, Pleiss, Sun, Weinberger: On Calibration of Modern Neural Networks,
    ICML 2017, equation 9. It never changes which category is likeliest. Raises ValueError for a
    temperature that is not positive.
    """
    scaled = _scaled(logits, temperature)
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), np.float64)


def as_logits(probabilities: Floats) -> Float64Array:
    """(N, C) probabilities to logits that ``softmax_at`` turns back: their logarithms.

    A probability that a float32 head rounded to 0 counts as the smallest normal float32. What is
    lost is the constant a row, and with it the energy.
    """
    least = float(np.finfo(np.float32).tiny)
    return np.log(np.maximum(np.asarray(probabilities, np.float64), least))


def max_probability(logits: Floats, temperature: float = 1.0) -> Float64Array:
    """(N,) the probability of the likeliest category: the usual score of how known a photo is.

    Hendrycks, Gimpel: A Baseline for Detecting Misclassified and Out-of-Distribution Examples in
    Neural Networks, ICLR 2017.
    """
    return np.asarray(softmax_at(logits, temperature).max(axis=1), np.float64)


def negative_energy(logits: Floats, temperature: float = 1.0) -> Float64Array:
    """(N,) T log Σ exp(logit / T): higher is more known.

    Liu, Wang, Owens, Li: Energy-based Out-of-distribution Detection, NeurIPS 2020, equation 4,
    with the sign turned so that higher is better; they recommend T = 1.
    """
    scaled = _scaled(logits, temperature)
    peak = scaled.max(axis=1)
    total = np.exp(scaled - peak[:, None]).sum(axis=1)
    return np.asarray(temperature * (peak + np.log(total)), np.float64)


class UnknownRule(BaseModel):
    """A photo whose ``score`` lies below ``threshold`` is unknown; both scores rise with how
    known it looks. "energy" is the negative free energy at temperature 1."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    score: UnknownScore
    threshold: FiniteFloat

    def decide(self, logits: Floats, temperature: float) -> BoolArray:
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


def _scaled(logits: Floats, temperature: float) -> Float64Array:
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    rows = np.asarray(logits, np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"logits must be (N, C) with C > 0, not {rows.shape}")
    return rows / temperature

"""Logits whose calibration is known, because the labels are drawn from them."""

from __future__ import annotations

import numpy as np

from engine.probabilities import softmax_at
from engine.types import Float64Array


def calibrated(
    count: int, categories: int, seed: int, spread: float = 1.5
) -> tuple[Float64Array, np.ndarray[tuple[int], np.dtype[np.int64]]]:
    """(N, C) logits and (N,) labels: softmax of the logits is the true chance of every label."""
    random = np.random.default_rng(seed)
    rows = random.normal(size=(count, categories)) * spread
    ladder = softmax_at(rows).cumsum(axis=1)
    return rows, (random.random((count, 1)) > ladder).sum(axis=1).clip(max=categories - 1)

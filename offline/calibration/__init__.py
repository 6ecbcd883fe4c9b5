"""Honest probabilities: fit a temperature, measure calibration, decide what is unknown."""

from engine.probabilities import as_logits, max_probability, negative_energy, softmax_at
from offline.calibration.reliability import (
    Bin,
    adaptive_calibration_error,
    expected_calibration_error,
    reliability,
)
from offline.calibration.temperature import fit_temperature, negative_log_likelihood
from offline.calibration.unknown import auroc, choose_unknown

__all__ = [
    "Bin",
    "adaptive_calibration_error",
    "as_logits",
    "auroc",
    "choose_unknown",
    "expected_calibration_error",
    "fit_temperature",
    "max_probability",
    "negative_energy",
    "negative_log_likelihood",
    "reliability",
    "softmax_at",
]

"""Honest probabilities: fit a temperature, measure calibration, decide what is unknown."""

from engine.probabilities import as_logits, max_probability, negative_energy, softmax_at
from offline.calibration.conformal import least_probability
from offline.calibration.families import family_folds
from offline.calibration.reliability import (
    Bin,
    adaptive_calibration_error,
    chance_calibration_error,
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
    "chance_calibration_error",
    "choose_unknown",
    "expected_calibration_error",
    "family_folds",
    "fit_temperature",
    "least_probability",
    "max_probability",
    "negative_energy",
    "negative_log_likelihood",
    "reliability",
    "softmax_at",
]

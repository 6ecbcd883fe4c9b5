"""Calibrated probabilities: fit a temperature, decide what is unknown.

``offline.metrics.calibration`` measures how far they are from what happens.
"""

from offline.calibration.conformal import least_probability
from offline.calibration.families import family_folds
from offline.calibration.temperature import fit_temperature
from offline.calibration.unknown import choose_unknown
from stages.classify._probabilities import as_logits, max_probability, negative_energy, softmax_at

__all__ = [
    "as_logits",
    "choose_unknown",
    "family_folds",
    "fit_temperature",
    "least_probability",
    "max_probability",
    "negative_energy",
    "softmax_at",
]

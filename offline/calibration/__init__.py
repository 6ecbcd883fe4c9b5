"""Calibrated probabilities: fit a temperature, decide what is unknown.

``offline.metrics.calibration`` measures how far they are from what happens.
"""

from engine.probabilities import as_logits, max_probability, negative_energy, softmax_at
from offline.adapt.probabilities import choose_unknown, fit_temperature, least_probability

__all__ = [
    "as_logits",
    "choose_unknown",
    "fit_temperature",
    "least_probability",
    "max_probability",
    "negative_energy",
    "softmax_at",
]

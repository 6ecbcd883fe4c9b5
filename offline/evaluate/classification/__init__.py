"""The report's section on categories: predictions of a system, and how calibrated they are."""

from offline.evaluate.classification.show import classification_section

__all__ = ["classification_section"]

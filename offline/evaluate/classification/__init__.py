"""The report's section on categories: what a system takes photos for, and how sure it is."""

from offline.evaluate.classification.section import classification_section

__all__ = ["classification_section"]

"""The report's section on masks: a system's mattes against a data set's true ones."""

from offline.evaluate.segmentation.show import segmentation_section

__all__ = ["segmentation_section"]

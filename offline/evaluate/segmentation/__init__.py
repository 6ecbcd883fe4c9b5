"""The report's section on masks: how near a system's mattes come to the true ones."""

from offline.evaluate.segmentation.section import segmentation_section

__all__ = ["segmentation_section"]

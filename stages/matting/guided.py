"""The saliency map drawn to the image's edges by a guided filter; needs no weights.

He, Sun and Tang, Guided Image Filtering, ECCV 2010 and TPAMI 2013, section 4.2 (feathering).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from pydantic import Field

from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from stages.context import BuildContext
from stages.matting._guided import guided_filter
from stages.matting._refinement import refine_each
from stages.matting._trimap import BandOptions, Trimap, product_size


class Options(BandOptions):
    """The filter changes a matte within ``radius`` of its edge only, so the band is narrow."""

    radius: float = Field(default=0.01, gt=0, le=0.5)  # of a window, fraction of the product's size
    smoothness: float = Field(default=1e-4, gt=0)  # the paper's epsilon, colours in [0, 1]


class GuidedMatting:
    def __init__(self, options: Options) -> None:
        self._options = options

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        options = self._options
        estimate = partial(feathered, radius=options.radius, smoothness=options.smoothness)
        return refine_each(images, mattes, options.widths, options.side, estimate)


def feathered(
    pixels: UInt8Array, saliency: FloatArray, trimap: Trimap, *, radius: float, smoothness: float
) -> FloatArray:
    """The guided filter, with the known pixels set in its input."""
    window = max(1, round(radius * product_size(saliency)))
    return guided_filter(pixels, trimap.imposed_on(saliency), window, smoothness)


def build(options: Options, context: BuildContext) -> GuidedMatting:
    return GuidedMatting(options)

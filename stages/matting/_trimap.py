"""From a saliency map to a trimap: known product, known background, and the band between.

The width of the band is proportional to the product's size, so that a trimap does not depend on
the image's size.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from pydantic import Field, model_validator

from engine.types import BoolArray, FloatArray
from stages.options import StageOptions

# A matte without one pixel of this much alpha has no product to refine.
PRODUCT_FROM = 0.5


@dataclass(frozen=True)
class BandWidths:
    """Reach of the unknown band, as fractions of the product's size (see ``product_size``)."""

    erode: float  # into what is surely product
    dilate: float  # out of what may be product
    low: float = 0.05  # below: known background, but for ``dilate``
    high: float = 0.95  # from here: known product, but for ``erode``
    doubt_holes: bool = False  # enclosed background is unknown: it may be a mirror

    def __post_init__(self) -> None:
        if min(self.erode, self.dilate) < 0.0:
            raise ValueError(f"erode and dilate must not be negative: {self}")
        if not 0.0 <= self.low < self.high <= 1.0:
            raise ValueError(f"thresholds must be 0 <= low < high <= 1: {self}")


class BandOptions(StageOptions):
    """How wide the unknown band is, see ``BandWidths``, and how large an image may be."""

    # Fractions of the square root of the product's area.
    erode: float = Field(default=0.03, ge=0, le=1)
    dilate: float = Field(default=0.03, ge=0, le=4)
    low: float = Field(default=0.05, ge=0, lt=1)  # saliency
    high: float = Field(default=0.95, gt=0, le=1)
    side: int = Field(default=512, ge=16)  # pixels; larger windows are estimated small and enlarged

    @model_validator(mode="after")
    def _ordered(self) -> BandOptions:
        if self.low >= self.high:
            raise ValueError(f"low must be below high, not {self.low} and {self.high}")
        return self

    @property
    def widths(self) -> BandWidths:
        return BandWidths(self.erode, self.dilate, self.low, self.high)


@dataclass(frozen=True, eq=False)
class Trimap:
    """Known background and known foreground; all other pixels are unknown."""

    background: BoolArray  # (H, W)
    foreground: BoolArray  # (H, W)

    def __post_init__(self) -> None:
        if self.background.shape != self.foreground.shape:
            raise ValueError(
                f"trimap: {self.background.shape} background, {self.foreground.shape} foreground"
            )
        if bool((self.background & self.foreground).any()):
            raise ValueError("trimap: a pixel cannot be both foreground and background")

    @property
    def unknown(self) -> BoolArray:
        return ~(self.background | self.foreground)

    def imposed_on(self, alpha: FloatArray) -> FloatArray:
        """``alpha`` with the known pixels set: 0 on the background, 1 on the foreground."""
        imposed = np.where(self.foreground, 1.0, np.where(self.background, 0.0, alpha))
        return np.asarray(np.clip(imposed, 0.0, 1.0), np.float32)


def make_trimap(alpha: FloatArray, widths: BandWidths) -> Trimap:
    """The trimap of a (H, W) saliency map; an empty map is background throughout.

    Erosion and dilation by discs, as thresholds of exact Euclidean distances: any radius costs
    the same. The band is at least a pixel wide on either side; the image's rim erodes nothing.
    """
    size = product_size(alpha)
    if size == 0.0:
        return Trimap(np.ones(alpha.shape, np.bool_), np.zeros(alpha.shape, np.bool_))
    inside = distance_to(alpha < widths.high)
    outside = distance_to(alpha > widths.low)
    background = outside > max(1.0, widths.dilate * size)
    return Trimap(
        background=_reaching_the_rim(background) if widths.doubt_holes else background,
        foreground=inside > max(1.0, widths.erode * size),
    )


def product_size(alpha: FloatArray) -> float:
    """Side in pixels of the square that has the product's area; 0 for an empty matte."""
    return float(np.sqrt(np.count_nonzero(alpha >= PRODUCT_FROM)))


def _reaching_the_rim(mask: BoolArray) -> BoolArray:
    """The parts of ``mask`` that touch the image's rim."""
    _, labels = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    rim = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    return np.asarray(mask & np.isin(labels, np.unique(rim[rim > 0])), np.bool_)


def distance_to(mask: BoolArray) -> FloatArray:
    """(H, W) float32: pixels from the centre of each one to the nearest set one; inf for none."""
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    zeros_are_near = np.ascontiguousarray(~mask, np.uint8)
    distances = cv2.distanceTransform(zeros_are_near, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(distances, np.float32)

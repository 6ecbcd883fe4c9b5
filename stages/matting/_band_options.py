"""Options that every matting with a trimap has."""

from __future__ import annotations

from pydantic import Field, model_validator

from stages.matting._trimap import BandWidths
from stages.options import StageOptions


class BandOptions(StageOptions):
    """How wide the unknown band is, see ``BandWidths``, and how large a picture may be."""

    erode: float = Field(
        default=0.03, ge=0, le=1
    )  # shares of the square root of the product's area
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

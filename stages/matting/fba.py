"""FBA matting from an ONNX file: ours, small and shipped, or the authors' network.

Forte and Pitié, F, B, Alpha Matting, arXiv 2003.07711, 2020.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pydantic import Field

from engine.errors import WeightsError
from engine.types import Matte, RGBImage
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.matting._encoding import CHANNELS, MEAN, STD, WITH_SALIENCY, network_estimate
from stages.matting._refinement import refine_each
from stages.matting._trimap import BandOptions, BandWidths
from weights.input_spec import InputSpec


class Options(BandOptions):
    """The default band is wide: saliency networks miss whole droppers and lids, and the compact
    network was trained to find them. docs/matting.md has the measurements.

    ``weights``: fba, fba_compact (renders only) or the path of an .onnx file. The default is that
    of galleries from before the harm on photos was known; ``stages.open_settings`` refuses it for
    new ones."""

    weights: str = "fba_compact"
    erode: float = Field(default=0.06, ge=0, le=1)
    dilate: float = Field(default=0.15, ge=0, le=4)
    side: int = Field(default=160, ge=16)

    @property
    def widths(self) -> BandWidths:
        return replace(super().widths, doubt_holes=True)


class FBAMatting:
    def __init__(self, session: OnnxSession, options: Options, with_saliency: bool) -> None:
        self.estimate = network_estimate(session.run, with_saliency=with_saliency)
        self._options = options

    def refine(self, images: Sequence[RGBImage], mattes: Sequence[Matte]) -> list[Matte]:
        options = self._options
        return refine_each(images, mattes, options.widths, options.side, self.estimate)


def build(options: Options, context: BuildContext) -> FBAMatting:
    """Raises WeightsError where the weights cannot be had or are no matting network."""
    file = context.weights(options.weights)
    session = context.session(file)
    channels = session.input_shape[1] if len(session.input_shape) == 4 else None
    if channels not in (CHANNELS, WITH_SALIENCY):
        raise WeightsError(
            f"{file.path}: takes {session.input_shape}, which is no matting network: "
            f"(N, {CHANNELS} or {WITH_SALIENCY}, H, W) is expected.",
            remedy="Give [matting] weights a file made by packsight train matting or export fba.",
        )
    return FBAMatting(session, options, channels == WITH_SALIENCY)


def input_spec(height: int = 256, width: int = 256) -> InputSpec:
    """The spec of the image's three channels; the size is only that of a parity check."""
    return InputSpec(
        height=height,
        width=width,
        range="unit",
        mean=MEAN,
        std=STD,
        interpolation="area",
        layout="nchw",
    )

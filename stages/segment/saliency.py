"""Salient objects by any saliency network in an ONNX file, by its specs.

IS-Net (Qin et al., ECCV 2022), BiRefNet (Zheng et al., CAAI AIR 2024) and BASNet (Qin et al.,
CVPR 2019) are in the weights catalogue; for a file of one's own, ``FILE.toml`` beside it holds
the tables [input] and, where they differ from U²-Net's, [output].
"""

from __future__ import annotations

from pydantic import Field

from stages._preprocess import required_spec
from stages.context import BuildContext
from stages.options import StageOptions
from stages.segment._saliency import SaliencyNetwork


class Options(StageOptions):
    weights: str = "isnet_general_use"  # a segmenter of the catalogue or the path of an .onnx file
    # One: at 1024 x 1024 an image needs ten times the memory that it needs at 320 x 320.
    # Changes speed and memory, not the mattes: left out of the dump that is fingerprinted.
    batch: int = Field(1, ge=1, exclude=True)


def build(options: Options, context: BuildContext) -> SaliencyNetwork:
    """Raises WeightsError where the weights cannot be had or do not fit their specs, ConfigError
    for a file without an input spec."""
    file = context.weights(options.weights)
    spec = required_spec(file, "[segment] weights")
    session = context.session(file)
    return SaliencyNetwork(session, spec, file.output, options.batch)

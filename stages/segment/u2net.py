"""Salient objects by the U²-Net family, from an ONNX file.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: U²-Net: Going Deeper with Nested U-Structure for
Salient Object Detection, Pattern Recognition 2020.
"""

from __future__ import annotations

from pydantic import Field

from stages.context import BuildContext
from stages.options import StageOptions
from stages.segment._saliency import SaliencyNetwork
from weights.input_spec import InputSpec

# How the whole family was trained; for a file that has no spec of its own.
FAMILY_INPUT = InputSpec(
    height=320,
    width=320,
    range="max",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
    interpolation="lanczos",
    layout="nchw",
)


class Options(StageOptions):
    weights: str = "u2net"  # u2net, u2netp, silueta or the path of an .onnx file
    # Changes speed and memory, not the mattes: left out of the dump that is fingerprinted.
    batch: int = Field(4, ge=1, exclude=True)


def build(options: Options, context: BuildContext) -> SaliencyNetwork:
    """Raises WeightsError where the weights cannot be had or are no saliency network."""
    file = context.weights(options.weights)
    session = context.session(file)
    return SaliencyNetwork(session, file.spec or FAMILY_INPUT, file.output, options.batch)

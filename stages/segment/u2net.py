"""Salient objects by the U²-Net family, from an ONNX file.

Qin, Zhang, Huang, Dehghan, Zaiane, Jagersand: U²-Net: Going Deeper with Nested U-Structure for
Salient Object Detection, Pattern Recognition 2020.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image
from pydantic import Field

from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from stages._session import OnnxSession
from stages.context import BuildContext
from stages.options import StageOptions
from weights.catalog import InputSpec

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

# The authors and rembg stretch every prediction to [0, 1]. That makes a full-contrast mask of the
# noise that an empty picture leaves, so only what has at least one likely pixel is stretched.
STRETCH_FROM = 0.5

_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}


class Options(StageOptions):
    weights: str = "u2net"  # u2net, u2netp, silueta or the path of an .onnx file
    # Changes speed and memory, not the mattes: left out of the dump that is fingerprinted.
    batch: int = Field(4, ge=1, exclude=True)


class U2Net:
    """The first output (the fused side outputs), resized back to each image."""

    def __init__(self, session: OnnxSession, spec: InputSpec, batch: int) -> None:
        self._session = session
        self._spec = spec
        self._batch = batch

    def segment(self, images: Sequence[RGBImage]) -> list[Matte]:
        mattes: list[Matte] = []
        for start in range(0, len(images), self._batch):
            chunk = images[start : start + self._batch]
            inputs = np.stack([network_input(image.pixels, self._spec) for image in chunk])
            maps = self._session.run(inputs)
            for image, prediction in zip(chunk, maps, strict=True):
                size = (image.width, image.height)
                mattes.append(Matte(resized(stretched(prediction.squeeze()), size)))
        return mattes


def build(options: Options, context: BuildContext) -> U2Net:
    """Raises WeightsError where the weights cannot be had."""
    found = context.weights(options.weights)
    session = OnnxSession(found.path, threads=context.threads)
    return U2Net(session, found.spec or FAMILY_INPUT, options.batch)


def network_input(pixels: UInt8Array, spec: InputSpec) -> FloatArray:
    """One (H, W, 3) uint8 image as (3, h, w) or (h, w, 3) float32, squeezed to the input's size.

    Pillow resizes here: it filters each axis by its own factor, as the training did, while
    OpenCV falls back to unfiltered sampling when one axis grows.
    """
    picture = Image.fromarray(pixels)
    small = picture.resize((spec.width, spec.height), _RESAMPLING[spec.interpolation])
    values = np.asarray(small, np.float32)
    if spec.range == "max":
        values = values / max(float(values.max()), 1.0)  # a black picture stays black
    elif spec.range == "unit":
        values = values / np.float32(255.0)
    normalised = (values - np.asarray(spec.mean, np.float32)) / np.asarray(spec.std, np.float32)
    ordered = normalised.transpose(2, 0, 1) if spec.layout == "nchw" else normalised
    return np.ascontiguousarray(ordered, np.float32)


def stretched(prediction: FloatArray) -> FloatArray:
    """Min-max normalised where something was found; else only clipped to [0, 1]."""
    low, high = float(prediction.min()), float(prediction.max())
    if high >= STRETCH_FROM and high > low:
        prediction = (prediction - np.float32(low)) / np.float32(high - low)
    return np.clip(prediction, 0.0, 1.0)


def resized(alpha: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(h, w) to size = (width, height), filtered when it shrinks, clipped to [0, 1]."""
    shrinks = size[0] < alpha.shape[1] and size[1] < alpha.shape[0]
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    larger = cv2.resize(np.ascontiguousarray(alpha), size, interpolation=way)
    return np.clip(np.asarray(larger, np.float32), 0.0, 1.0)

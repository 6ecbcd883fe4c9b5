"""Salient objects by any network in an ONNX file: image to input, output to matte."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image

from engine.errors import WeightsError
from engine.halving import halved_image
from engine.quality import is_one_colour
from engine.types import FloatArray, Matte, RGBImage, UInt8Array
from stages._mattes import TwoStepSegmenter
from stages._session import OnnxSession
from weights.input_spec import InputSpec
from weights.output_spec import OutputSpec
from weights.sidecar import sidecar_path

# Authors and rembg stretch every prediction to [0, 1]. That makes a full-contrast mask of the
# noise that an empty image leaves, so only what has at least one likely pixel is stretched.
STRETCH_FROM = 0.5

_RESAMPLING = {
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
}
# What halving has averaged needs no filter of six pixels, which takes three times as long: masks of
# photos of 1,024 pixels are as good (IoU with the ground truth by 105 and 120 of them: +.0009
# [-.0011, +.0029] and +.0005 [-.0012, +.0022] to Lanczos' filter of the whole photo).
_AFTER_HALVING = {**_RESAMPLING, "lanczos": Image.Resampling.HAMMING}


class SaliencyNetwork(TwoStepSegmenter):
    """One map of the network's outputs, resized back to each image."""

    def __init__(
        self, session: OnnxSession, spec: InputSpec, output: OutputSpec, batch: int
    ) -> None:
        """Raises WeightsError where the file's input or outputs do not fit the specs."""
        check_takes(session, spec)
        session.check_output(output.index, f"[output] in {sidecar_path(session.path)}")
        self._session = session
        self._spec = spec
        self._output = output
        self._batch = batch

    def predict(self, images: Sequence[RGBImage]) -> list[FloatArray]:
        maps: list[FloatArray] = []
        for start in range(0, len(images), self._batch):
            chunk = images[start : start + self._batch]
            inputs = np.stack([image_input(image, self._spec) for image in chunk])
            maps += map(self._map, self._session.run(inputs, self._output.index))
        return maps

    def matte(self, predicted: FloatArray, image: RGBImage) -> Matte:
        if is_one_colour(image):  # of which U²-Netp takes 44 % for a product, where it is white
            return Matte(np.zeros((image.height, image.width), np.float32))
        alpha = activated(predicted, self._output)
        return Matte(resized(alpha, (image.width, image.height)))

    def _map(self, prediction: FloatArray) -> FloatArray:
        """(h, w) of (1, h, w), (h, w, 1) or (h, w)."""
        axes = tuple(axis for axis in (0, -1) if prediction.shape[axis] == 1)[:1]
        plane = prediction.squeeze(axes) if prediction.ndim == 3 else prediction
        if plane.ndim != 2:
            raise WeightsError(
                f"{self._session.path}: output {self._output.index} is {prediction.shape} for "
                "an image where one map is expected.",
                remedy=f"Name the saliency map's index under [output] in "
                f"{sidecar_path(self._session.path)}.",
            )
        return plane


def check_takes(session: OnnxSession, spec: InputSpec) -> None:
    """WeightsError where the file's fixed axes are not those of its spec."""
    size = (spec.height, spec.width)
    wanted = (3, *size) if spec.layout == "nchw" else (*size, 3)
    declared = session.input_shape[1:]
    fits = len(declared) == 3 and all(
        axis == length
        for axis, length in zip(declared, wanted, strict=True)
        if isinstance(axis, int)
    )
    if not fits:
        raise WeightsError(
            f"{session.path}: takes {declared} an image, where its spec has {wanted}.",
            remedy=f"Correct [input] in {sidecar_path(session.path)}.",
        )


def image_input(image: RGBImage, spec: InputSpec) -> FloatArray:
    """As ``network_input``, of an image that is halved first where it is much larger."""
    pixels = halved_image(image, spec.width, spec.height)
    ways = _RESAMPLING if pixels is image.pixels else _AFTER_HALVING
    return _resampled(pixels, spec, ways[spec.interpolation])


def network_input(pixels: UInt8Array, spec: InputSpec) -> FloatArray:
    """One (H, W, 3) uint8 image as (3, h, w) or (h, w, 3) float32, squeezed to the input's size.

    Pillow resizes here: it filters each axis by its own factor, as the training did, while
    OpenCV falls back to unfiltered sampling when one axis grows.
    """
    return _resampled(pixels, spec, _RESAMPLING[spec.interpolation])


def _resampled(pixels: UInt8Array, spec: InputSpec, way: Image.Resampling) -> FloatArray:
    small = np.asarray(Image.fromarray(pixels).resize((spec.width, spec.height), way))
    # Channels first before any sum: NumPy takes long for rows of three.
    values = np.ascontiguousarray(small.transpose(2, 0, 1), np.float32)
    if spec.range == "max":
        values = values / max(float(values.max()), 1.0)  # a black image stays black
    elif spec.range == "unit":
        values = values / np.float32(255.0)
    values -= np.asarray(spec.mean, np.float32)[:, None, None]
    values /= np.asarray(spec.std, np.float32)[:, None, None]
    return values if spec.layout == "nchw" else np.ascontiguousarray(values.transpose(1, 2, 0))


def activated(prediction: FloatArray, output: OutputSpec) -> FloatArray:
    """(h, w) in [0, 1] of a raw map."""
    if output.activation == "sigmoid":
        # 1 / (1 + exp(-x)), which overflows; its half-angle form does not.
        prediction = np.asarray(0.5 * (1.0 + np.tanh(0.5 * prediction)), np.float32)
    return stretched(prediction) if output.stretch else np.clip(prediction, 0.0, 1.0)


def stretched(prediction: FloatArray) -> FloatArray:
    """Min-max normalised where something was found; else only clipped to [0, 1]."""
    low, high = float(prediction.min()), float(prediction.max())
    if high >= STRETCH_FROM and high > low:
        prediction = (prediction - np.float32(low)) / np.float32(high - low)
    return np.clip(prediction, 0.0, 1.0)


def resized(alpha: FloatArray, size: tuple[int, int]) -> FloatArray:
    """(h, w) to size = (width, height), filtered when it shrinks, clipped to [0, 1]."""
    shrinks = size[0] < alpha.shape[1] and size[1] < alpha.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    larger = cv2.resize(np.ascontiguousarray(alpha), size, interpolation=method)
    return np.clip(np.asarray(larger, np.float32), 0.0, 1.0)

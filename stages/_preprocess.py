"""Cutouts to a model's input, as its weights' ``InputSpec`` describes it."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from engine.errors import ConfigError
from engine.types import Cutout, FloatArray, UInt8Array
from weights.catalog import InputSpec
from weights.fetch import WeightsFile

_INTERPOLATIONS = {
    "bilinear": cv2.INTER_LINEAR,
    "bicubic": cv2.INTER_CUBIC,
    "lanczos": cv2.INTER_LANCZOS4,
    "area": cv2.INTER_AREA,
}


def required_spec(file: WeightsFile, option: str) -> InputSpec:
    """The file's input spec; ConfigError with the remedy where it has none."""
    if file.spec is not None:
        return file.spec
    sidecar = file.path.with_suffix(".toml")
    raise ConfigError(
        f"{option} = {str(file.path)!r}: the input of this model is not described.",
        remedy=f"Write {sidecar} with a table [input]: height, width, range, mean, std, "
        "interpolation, layout; or name weights from: packsight weights list",
    )


def prepare(cutouts: Sequence[Cutout], spec: InputSpec) -> FloatArray:
    """(N, 3, H, W) or (N, H, W, 3) float32, by ``spec.layout``; RGB."""
    batch = np.empty((len(cutouts), spec.height, spec.width, 3), np.float32)
    for row, cutout in zip(batch, cutouts, strict=True):
        row[...] = _ranged(_resized(cutout.pixels, spec), spec)
    by_channel: tuple[int, ...] = (3,)
    if spec.layout == "nchw":  # before any sum: NumPy takes long for rows of three
        batch, by_channel = np.ascontiguousarray(batch.transpose(0, 3, 1, 2)), (3, 1, 1)
    batch -= np.asarray(spec.mean, np.float32).reshape(by_channel)
    batch /= np.asarray(spec.std, np.float32).reshape(by_channel)
    return batch


def _resized(pixels: UInt8Array, spec: InputSpec) -> UInt8Array:
    """Resized to the model's input size. Shrinking averages areas whatever the spec's
    interpolation: OpenCV's other methods skip pixels, while the frameworks' resizing is
    antialiased."""
    if pixels.shape[:2] == (spec.height, spec.width):
        return pixels
    shrinks = pixels.shape[0] >= spec.height and pixels.shape[1] >= spec.width
    method = cv2.INTER_AREA if shrinks else _INTERPOLATIONS[spec.interpolation]
    return np.asarray(cv2.resize(pixels, (spec.width, spec.height), interpolation=method), np.uint8)


def _ranged(pixels: UInt8Array, spec: InputSpec) -> FloatArray:
    """uint8 in the range that ``mean`` and ``std`` are given in."""
    values = pixels.astype(np.float32)
    if spec.range == "unit":
        return values / np.float32(255.0)
    if spec.range == "max":
        return values / np.float32(max(1.0, float(values.max())))  # an all-black image stays 0
    return values

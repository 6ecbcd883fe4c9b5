"""Probe images for parity checks: noise, black, and images with a natural spectrum."""

from __future__ import annotations

import numpy as np

from engine.types import Float64Array, FloatArray, UInt8Array
from weights.input_spec import InputSpec


def image_probe(spec: InputSpec) -> FloatArray:
    """(6, 3, H, W) or (6, H, W, 3) float32: the probe images as a model of this spec takes them."""
    return model_input(probe_images(spec.height, spec.width), spec)


def probe_images(height: int, width: int, seed: int = 0) -> UInt8Array:
    """(6, H, W, 3) uint8: white noise, black, and four images with a natural spectrum.

    The amplitude of natural images falls with 1/f (Field, J. Opt. Soc. Am. A 4(12), 1987); the
    last two of them carry a dark package on a white background.
    """
    random = np.random.default_rng(seed)
    images = np.zeros((6, height, width, 3), np.uint8)
    images[0] = random.integers(0, 256, (height, width, 3), dtype=np.uint8)
    for image in images[2:]:
        image[:] = _natural(random, height, width)
    box = np.s_[height // 5 : -height // 5, width // 3 : -width // 3]
    for image in images[4:]:
        product = image[box] // 2
        image[:] = 255
        image[box] = product
    return images


def model_input(images: UInt8Array, spec: InputSpec) -> FloatArray:
    """(N, H, W, 3) uint8 of the spec's size -> the model's input, float32."""
    pixels = images.astype(np.float32)
    if spec.range == "unit":
        pixels /= 255.0
    elif spec.range == "max":
        pixels /= np.maximum(pixels.max(axis=(1, 2, 3), keepdims=True), 1.0)
    pixels -= np.array(spec.mean, np.float32)
    pixels /= np.array(spec.std, np.float32)
    if spec.layout == "nchw":
        pixels = pixels.transpose(0, 3, 1, 2)
    return np.ascontiguousarray(pixels, dtype=np.float32)


def _natural(random: np.random.Generator, height: int, width: int) -> UInt8Array:
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None, :]
    frequency = np.maximum(np.hypot(rows, columns), 1.0 / max(height, width))
    channels = [_shaped_noise(random, 1.0 / frequency) for _ in range(3)]
    stacked = np.stack(channels, axis=-1)
    low, high = stacked.min(), stacked.max()
    scaled: UInt8Array = ((stacked - low) / (high - low) * 255.0).astype(np.uint8)
    return scaled


def _shaped_noise(random: np.random.Generator, amplitude: Float64Array) -> Float64Array:
    spectrum = np.fft.fft2(random.standard_normal(amplitude.shape)) * amplitude
    return np.asarray(np.fft.ifft2(spectrum).real)

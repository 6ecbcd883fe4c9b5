"""Proof that an exported file computes what its framework computes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from engine.errors import WeightsError
from engine.types import FloatArray, UInt8Array
from weights.input_spec import InputSpec
from weights.sidecar import Parity

# Largest difference allowed, as a part of the largest feature. Float32 sums in another order were
# seen to differ by 9e-6 of it (MobileNetV2 from Keras; ResNet-50 from torchvision: 4e-7).
TOLERANCE = 1e-4


def measure_parity(
    features: Callable[[FloatArray], FloatArray],
    model: Path,
    spec: InputSpec,
    dimension: int,
    tolerance: float = TOLERANCE,
) -> Parity:
    """Compare on noise and on natural-like images, as one batch and one by one.

    Raises WeightsError when the shapes or the values differ by more than the tolerance.
    """
    batch = model_input(probe_images(spec.height, spec.width), spec)
    expected = features(batch)
    found = _run_onnx(model, batch)
    shape = (len(batch), dimension)
    if expected.shape != shape or found.shape != shape:
        raise WeightsError(
            f"{model.name}: features should be {shape}: the framework gives {expected.shape}, "
            f"ONNX {found.shape}."
        )
    largest = float(np.abs(expected).max())
    difference = float(np.abs(expected - found).max())
    allowed = tolerance * largest
    if largest == 0.0:
        raise WeightsError(f"{model.name}: all features are 0, which proves nothing.")
    if not difference <= allowed:  # also refuses NaN
        raise WeightsError(
            f"{model.name}: the exported model differs from its framework by up to "
            f"{difference:.3g} where {allowed:.3g} is allowed; nothing was stored."
        )
    return Parity(difference, allowed, largest, len(batch))


def probe_images(height: int, width: int, seed: int = 0) -> UInt8Array:
    """(6, H, W, 3) uint8: white noise, black, and four images with a natural spectrum.

    The amplitude of natural images falls with 1/f (Field, J. Opt. Soc. Am. A 4(12), 1987); the
    last two of them carry a dark package on a white ground.
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
    """(N, H, W, 3) uint8 of the right size -> what the model takes, float32."""
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


def _shaped_noise(
    random: np.random.Generator, amplitude: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    spectrum = np.fft.fft2(random.standard_normal(amplitude.shape)) * amplitude
    return np.asarray(np.fft.ifft2(spectrum).real)


def _run_onnx(model: Path, batch: FloatArray) -> FloatArray:
    """(N, D): the first half as one batch, the rest one by one, so a fixed batch axis shows."""
    import onnxruntime as ort

    half = len(batch) // 2
    parts = [batch[:half], *(batch[i : i + 1] for i in range(half, len(batch)))]
    try:
        session = ort.InferenceSession(str(model), providers=["CPUExecutionProvider"])
        name = session.get_inputs()[0].name
        return np.concatenate([session.run(None, {name: part})[0] for part in parts])
    except Exception as error:  # the runtime raises a family of private types
        raise WeightsError(f"{model.name}: ONNX Runtime cannot run the export: {error}") from error

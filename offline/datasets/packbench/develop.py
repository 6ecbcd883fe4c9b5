"""Develop linear light into the image of a catalogue or of a phone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.float32]

REFERENCE_SIDE = 256  # px; blurs are drawn for a longer side of this and grow with it
LUMA = np.array([0.2126, 0.7152, 0.0722], np.float32)  # ITU-R BT.709


@dataclass(frozen=True)
class Developed:
    """A finished image of height H and width W, with the ground truth as the lens blurs it."""

    pixels: NDArray[np.uint8]  # (H, W, 3) sRGB, before the JPEG is written
    alpha: Image  # (H, W)
    transmission: Image | None  # (H, W, 3)
    jpeg_quality: int


@dataclass(frozen=True)
class Process:
    """What one camera does to one exposure, in the order that it does it."""

    blur: Image  # (K, K) kernel, sums to 1
    key: float  # linear luminance that the meter aims at; 0: as exposed
    trust: float  # how far the meter goes: 1 makes night day
    gains: tuple[float, float, float]  # exposure and white balance together
    neutral: float  # fraction of a coloured cast that the camera takes out
    vignette: float  # light lost in the corners
    shot: float  # noise variance a unit of light
    read: float  # noise deviation in the dark
    shoulder: float  # linear value that becomes white; 1: clipped hard
    contrast: float  # of the S-curve, 0: none
    saturation: float
    sharpening: float
    jpeg_quality: int


def studio_image(
    radiance: Image, alpha: Image, transmission: Image | None, rng: np.random.Generator
) -> Developed:
    """An image as in a catalogue: exposed by hand, sharp, clean, lightly compressed."""
    balance = np.exp(rng.normal(0, 0.012, 3)) * rng.uniform(0.98, 1.03)
    process = Process(
        blur=gaussian_kernel(rng.uniform(0.2, 0.5) * _scale(radiance)),
        key=0,
        trust=0,
        gains=_triple(balance),
        neutral=0,
        vignette=0,
        shot=4e-5,
        read=0.001,
        shoulder=1,
        contrast=rng.uniform(0, 0.12),
        saturation=rng.uniform(0.97, 1.06),
        sharpening=rng.uniform(0.1, 0.6),
        jpeg_quality=int(rng.integers(86, 96)),
    )
    return develop(radiance, alpha, transmission, process, rng)


def phone_image(
    radiance: Image,
    alpha: Image,
    transmission: Image | None,
    rng: np.random.Generator,
    reference: int = REFERENCE_SIDE,
) -> Developed:
    """A snapshot: metered, white-balanced roughly, a little unsharp, noisy, oversharpened.

    Blurs are as many pixels as drawn where the longer side is ``reference``.
    """
    balance = np.exp(rng.normal(0, (0.05, 0.015, 0.06))) * 2 ** rng.normal(0, 0.28)
    noise = math.exp(rng.uniform(math.log(0.5), math.log(8.0)))  # a sunny desk to a dim room
    process = Process(
        blur=_phone_blur(_scale(radiance, reference), rng),
        key=rng.uniform(0.22, 0.32),
        trust=0.85,
        gains=_triple(balance),
        neutral=rng.uniform(0.3, 0.75),
        vignette=rng.uniform(0, 0.22),
        shot=1e-4 * noise,
        read=0.0012 * math.sqrt(noise),
        shoulder=rng.uniform(1.6, 3.5),
        contrast=rng.uniform(0.05, 0.4),
        saturation=rng.uniform(0.95, 1.25),
        sharpening=rng.uniform(0.2, 1.2),
        jpeg_quality=int(rng.integers(55, 93)),
    )
    return develop(radiance, alpha, transmission, process, rng)


def develop(
    radiance: Image,
    alpha: Image,
    transmission: Image | None,
    process: Process,
    rng: np.random.Generator,
) -> Developed:
    """Put an exposure (H, W, 3), its alpha and its transmission through ``process``.

    Blur comes from the optics, so the ground truth gets it too; nothing else softens an edge.
    """
    light = blurred(radiance, process.blur)
    light = light * _metered(light, process) * np.array(process.gains, np.float32)
    light = _noisy(light * _falloff(light, process.vignette), process, rng)
    curve = _contrasted(encoded(_shouldered(light, process.shoulder)), process.contrast)
    finished = _sharpened(_saturated(curve, process.saturation), process.sharpening)
    through = None if transmission is None else blurred(transmission, process.blur)
    return Developed(
        _quantised(finished), blurred(alpha, process.blur), through, process.jpeg_quality
    )


def encode(radiance: Image) -> NDArray[np.uint8]:
    """Linear light to 8-bit sRGB."""
    return _quantised(encoded(radiance))


def encoded(radiance: Image) -> Image:
    """Linear light to sRGB in [0, 1] (IEC 61966-2-1)."""
    x = np.clip(radiance, 0, 1)
    curve = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return cast("Image", curve.astype(np.float32))


def gaussian_kernel(sigma: float) -> Image:
    """(K, K), sums to 1; a sigma near 0 gives the identity."""
    reach = max(1, math.ceil(3 * sigma))
    x = np.arange(-reach, reach + 1)
    line = np.exp(-0.5 * (x / max(sigma, 1e-3)) ** 2)
    return _normalised(np.outer(line, line))


def defocus_kernel(radius: float) -> Image:
    """(K, K): the disc that a point becomes out of focus, its rim anti-aliased."""
    reach = max(1, math.ceil(radius + 0.5))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    return _normalised(np.clip(radius + 0.5 - np.hypot(x, y), 0, 1))


def motion_kernel(length: float, angle: float) -> Image:
    """(K, K): a line of ``length`` px at ``angle`` radians, as an unsteady hand draws it."""
    reach = max(1, math.ceil(length / 2 + 1))
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1].astype(float)
    along = x * math.cos(angle) + y * math.sin(angle)
    across = np.abs(y * math.cos(angle) - x * math.sin(angle))
    ends = np.clip(length / 2 + 0.5 - np.abs(along), 0, 1)
    return _normalised(ends * np.clip(1 - across, 0, 1))


def blurred(image: Image, kernel: Image) -> Image:
    """``image`` (H, W) or (H, W, C) under ``kernel``, mirrored at the borders."""
    turned = np.ascontiguousarray(kernel[::-1, ::-1])  # OpenCV correlates; this convolves
    soft = cv2.filter2D(image.astype(np.float32), -1, turned, borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(soft, np.float32)


def _phone_blur(scale: float, rng: np.random.Generator) -> Image:
    kind = rng.uniform()
    if kind < 0.25:
        return motion_kernel(rng.uniform(1.2, 4.2) * scale, rng.uniform(0, math.pi))
    if kind < 0.5:
        return defocus_kernel(rng.uniform(0.7, 1.7) * scale)
    return gaussian_kernel(rng.uniform(0.25, 0.6) * scale)


def _scale(image: Image, reference: int = REFERENCE_SIDE) -> float:
    return float(max(image.shape[:2])) / reference


def _metered(light: Image, process: Process) -> Image:
    """(3,) gains: towards ``key`` by the centre-weighted log mean, and towards grey.

    The light's colour is estimated by shades of grey (Finlayson and Trezzi, CIC 2004, p = 6).
    """
    if not process.key:
        return np.ones(3, np.float32)
    height, width = light.shape[:2]
    window = np.outer(np.hanning(height + 2)[1:-1], np.hanning(width + 2)[1:-1]) + 0.25
    level = math.exp(float(np.average(np.log(light @ LUMA + 1e-3), weights=window)))
    capped = np.minimum(light, 6 * level).reshape(-1, 3).astype(np.float64) + 1e-6
    means = np.mean(capped**6, axis=0) ** (1 / 6)
    cast_out = (float(means @ LUMA) / means) ** process.neutral
    return np.asarray(cast_out * process.key / level**process.trust, np.float32)


def _falloff(light: Image, strength: float) -> Image:
    height, width = light.shape[:2]
    y = (np.arange(height)[:, None] + 0.5) / height * 2 - 1
    x = (np.arange(width)[None] + 0.5) / width * 2 - 1
    return np.asarray(1 - strength * (x**2 + y**2) / 2, np.float32)[..., None]


def _noisy(light: Image, process: Process, rng: np.random.Generator) -> Image:
    """Photon and read-out noise; half of it smeared over neighbours, as demosaicing does."""
    grain = rng.standard_normal(light.shape, dtype=np.float32)
    smeared = cv2.GaussianBlur(grain, (3, 3), 0.8)
    grain = 0.6 * grain + 0.8 * smeared / max(float(smeared.std()), 1e-6)
    deviation = np.sqrt(process.shot * np.clip(light, 0, 4) + process.read**2)
    return np.asarray(np.maximum(light + grain * deviation, 0), np.float32)


def _shouldered(light: Image, white: float) -> Image:
    """Compress highlights so that ``white`` becomes 1 (Reinhard, Stark, Shirley and Ferwerda,
    SIGGRAPH 2002, equation 4), scaled to leave middle grey where it is."""
    if white <= 1:
        return light

    def curve(x: Image) -> Image:
        return np.asarray(x * (1 + x / white**2) / (1 + x), np.float32)

    grey = np.full(1, 0.18, np.float32)
    return np.asarray(curve(light) * (grey / curve(grey)), np.float32)


def _contrasted(image: Image, strength: float) -> Image:
    curve = image * image * (3 - 2 * image)
    return np.asarray(image + strength * (curve - image), np.float32)


def _saturated(image: Image, strength: float) -> Image:
    grey = (image @ LUMA)[..., None]
    return np.asarray(grey + strength * (image - grey), np.float32)


def _sharpened(image: Image, strength: float) -> Image:
    """Unsharp masking of the luma: the halo that phones draw round edges."""
    luma = image @ LUMA
    detail = luma - cv2.GaussianBlur(luma, (0, 0), 1.0)
    return np.asarray(image + strength * detail[..., None], np.float32)


def _quantised(image: Image) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", np.round(np.clip(image, 0, 1) * 255).astype(np.uint8))


def _normalised(kernel: NDArray[np.float64]) -> Image:
    return np.asarray(kernel / kernel.sum(), np.float32)


def _triple(values: NDArray[np.float64]) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue

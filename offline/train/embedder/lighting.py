"""Light, lens and sensor: what a phone does to an image that a studio does not."""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import UInt8Array
from offline.train.embedder.recipe import Lighting

# Chosen, not measured.
SHADE = 0.35  # how much darker one end of the image may be than the other
BLUR = (0.4, 1.6)  # sigma in pixels of an image of 160, scaled with the image's size
BLUR_AT = 160
JPEG = (25, 85)  # quality
NOISE = (2.0, 10.0)  # standard deviation, of 255
FINGERS = (2, 5)
SKIN_LOW, SKIN_HIGH = (90, 55, 40), (245, 205, 180)


def photographed(pixels: UInt8Array, lighting: Lighting, random: np.random.Generator) -> UInt8Array:
    """(S, S, 3) in other light, perhaps behind a hand, blurred, noisy and compressed."""
    happens = random.random(5) < (
        lighting.occlusion,
        lighting.shade,
        lighting.blur,
        lighting.noise,
        lighting.jpeg,
    )
    if happens[0]:
        pixels = occluded(pixels, random)
    pixels = _relit(pixels, lighting, random)
    for step, wanted in zip((_shaded, _blurred, _noisy, _compressed), happens[1:], strict=True):
        if wanted:
            pixels = step(pixels, random)
    return pixels


def occluded(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Fingers of one colour of skin that reach in from one of the four sides."""
    side = pixels.shape[0]
    turns = int(random.integers(4))
    changed = np.ascontiguousarray(np.rot90(pixels, turns))  # drawn from the left, then turned back
    tone = np.clip(random.uniform() + random.uniform(-0.1, 0.1, 3), 0.0, 1.0)
    colour = (np.array(SKIN_LOW) + tone * np.subtract(SKIN_HIGH, SKIN_LOW)).tolist()
    thick = max(1, round(side * random.uniform(0.06, 0.11)))
    start, reach = side * random.uniform(0.1, 0.7), side * random.uniform(0.08, 0.3)
    for finger in range(int(random.integers(*FINGERS))):
        at = start + 1.15 * thick * finger
        tip = (
            round(reach * random.uniform(0.7, 1.0)),
            round(at + side * random.uniform(-0.05, 0.05)),
        )
        cv2.line(changed, (0, round(at)), tip, colour, thick, cv2.LINE_AA)
    return np.ascontiguousarray(np.rot90(changed, -turns))


def _relit(pixels: UInt8Array, lighting: Lighting, random: np.random.Generator) -> UInt8Array:
    """Gain, contrast, gamma and a cast by a table; saturation by a mix with grey."""
    gain, contrast, gamma = 1 + lighting.light * random.uniform(-1, 1, 3)
    cast = 1 + lighting.colour * random.uniform(-0.5, 0.5, 3)
    saturation = 1 + 2 * lighting.colour * float(random.uniform(-1, 1))
    steps = (np.arange(256) / 255.0) ** gamma
    levels = ((steps - 0.5) * contrast + 0.5)[:, None] * gain * cast
    table = np.rint(np.clip(levels, 0.0, 1.0) * 255.0).astype(np.uint8)
    lit = cv2.LUT(pixels, table[None])
    grey = cv2.cvtColor(cv2.cvtColor(lit, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(cv2.addWeighted(lit, saturation, grey, 1 - saturation, 0), np.uint8)


def _shaded(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Darker towards one side."""
    side = pixels.shape[0]
    angle, depth = random.uniform(0, 2 * np.pi), random.uniform(0, SHADE)
    slope = np.linspace(-1, 1, side, dtype=np.float32)
    towards = np.cos(angle) * slope[None, :] + np.sin(angle) * slope[:, None]
    plane = (1 - depth * (towards + 1.5) / 3).astype(np.float32)
    return np.asarray(np.clip(pixels * plane[..., None], 0, 255), np.uint8)


def _blurred(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    sigma = random.uniform(*BLUR) * pixels.shape[0] / BLUR_AT
    return np.asarray(cv2.GaussianBlur(pixels, (0, 0), sigma), np.uint8)


def _noisy(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    noise = random.standard_normal(pixels.shape, np.float32)
    noisy = pixels + noise * np.float32(random.uniform(*NOISE))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


def _compressed(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """Through JPEG, whose chroma depends on the order of the channels: OpenCV's is BGR."""
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.integers(*JPEG))]
    _, data = cv2.imencode(".jpg", pixels[..., ::-1], quality)
    decoded = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(decoded[..., ::-1])

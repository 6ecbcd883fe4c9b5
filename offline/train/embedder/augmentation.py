"""Augmentation of a cutout: another cut, background and light, as another photo would have.

Framing turns, stretches and cuts it anew, as another photo's mask would have cut it. Lighting is
what a phone's lens and sensor do to an image that a studio's do not.
"""

from __future__ import annotations

import cv2
import numpy as np

from engine.types import BoolArray, Box, Float64Array, UInt8Array
from offline.train.embedder.backgrounds import draw
from offline.train.embedder.recipe import Augmentation, Framing, Lighting

# Of the product's longer side, around it: as `[cutout] name = "crop"` cuts by default.
MARGIN = 0.05
SOLID = 128  # alpha from which a pixel counts as product
BACKGROUND = (255.0, 255.0, 255.0, 0.0)  # beyond the image: white, no product
# Chosen, not measured.
SHADE = 0.35  # how much darker one end of the image may be than the other
BLUR = (0.4, 1.6)  # sigma in pixels of an image of 160, scaled with the image's size
BLUR_AT = 160
JPEG = (25, 85)  # quality
NOISE = (2.0, 10.0)  # standard deviation, of 255
FINGERS = (2, 5)
SKIN_LOW, SKIN_HIGH = (90, 55, 40), (245, 205, 180)
WHITE = np.uint8(255)


def augmented(
    rgba: UInt8Array,
    side: int,
    augmentation: Augmentation,
    backgrounds: UInt8Array | None,
    random: np.random.Generator,
) -> UInt8Array:
    """A cutout (S, S, 4) to (side, side, 3). ``backgrounds`` (G, g, g, 3); None: its own."""
    framed, frame = reframed(rgba, side, augmentation.framing, random)
    pixels = np.ascontiguousarray(framed[..., :3])
    if backgrounds is not None and random.random() < augmentation.background:
        pixels = _before(pixels, framed[..., 3], draw(backgrounds, side, random))
    pixels = photographed(pixels, augmentation.lighting, random)
    pixels[~frame] = WHITE  # what cutters pad with, which no light has fallen on
    return pixels


def _before(pixels: UInt8Array, alpha: UInt8Array, background: UInt8Array) -> UInt8Array:
    opacity = alpha[..., None].astype(np.float32) * np.float32(1 / 255)
    mixed = background + opacity * (pixels.astype(np.float32) - background)
    return np.asarray(np.rint(mixed), np.uint8)


def reframed(
    rgba: UInt8Array, side: int, framing: Framing, random: np.random.Generator
) -> tuple[UInt8Array, BoolArray]:
    """(side, side, 4), and where its frame is: (side, side), False in the white bands beside it
    that make it square."""
    x1, y1, x2, y2 = solid_box(rgba[..., 3])
    linear = _linear(framing, random)
    middle = np.array([(x1 + x2 - 1) / 2, (y1 + y2 - 1) / 2])
    half = np.abs(linear) @ np.array([(x2 - x1) / 2, (y2 - y1) / 2])
    longer = 2 * float(half.max())
    off = MARGIN + framing.slack * random.uniform(-0.5, 1.0, 4)
    low, high = -half - off[:2] * longer, half + off[2:] * longer
    extent = np.maximum(high - low, 1.0)
    scale = side / float(extent.max())
    # Output = scale * (linear @ (input - middle) - centre of the frame) + centre of the square.
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * linear
    matrix[:, 2] = (side - 1) / 2 - matrix[:, :2] @ middle - scale * (low + high) / 2
    warped = cv2.warpAffine(
        _shrunk(rgba, matrix, scale),
        matrix,
        (side, side),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=BACKGROUND,
    )
    return np.asarray(warped, np.uint8), _frame(side, scale * extent)


def solid_box(alpha: UInt8Array) -> Box:
    """Around what is product; the whole of an image without any."""
    solid = alpha >= SOLID
    rows, columns = np.flatnonzero(solid.any(axis=1)), np.flatnonzero(solid.any(axis=0))
    if not len(rows):
        return 0, 0, alpha.shape[1], alpha.shape[0]
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _linear(framing: Framing, random: np.random.Generator) -> Float64Array:
    """(2, 2). The same number of draws whatever the options, so that these are independent."""
    angle = np.deg2rad(framing.rotation * random.uniform(-1, 1))
    across, shear = 1 + framing.stretch * random.uniform(-1, 1, 2)
    mirror = random.random() < 0.5 and framing.flip
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    bend = np.array([[-across if mirror else across, (shear - 1) / 2], [0.0, 1.0]])
    return np.asarray(turn @ bend)


def _shrunk(rgba: UInt8Array, matrix: Float64Array, scale: float) -> UInt8Array:
    """Averaged first where it would shrink below two thirds: bilinear weights skip pixels. The
    matrix is changed to fit."""
    if scale > 2 / 3:
        return rgba
    half = cv2.resize(rgba, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    matrix[:, 2] += matrix[:, :2] @ np.array([0.5, 0.5])  # the centres of 2 x 2 pixels
    matrix[:, :2] *= 2
    return np.asarray(half, np.uint8)


def _frame(side: int, extent: Float64Array) -> BoolArray:
    width, height = np.clip(np.rint(extent), 1, side).astype(int).tolist()
    frame = np.zeros((side, side), np.bool_)
    top, left = (side - height) // 2, (side - width) // 2
    frame[top : top + height, left : left + width] = True
    return frame


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

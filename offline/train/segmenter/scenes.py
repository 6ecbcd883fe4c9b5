"""Photos composed for a segmenter: a product among others, held or not, as a phone would see it.

The product is what is near the middle and mostly before the others; hands and neighbours are
background.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from engine.types import Float64Array, FloatArray, UInt8Array
from offline.train.embedder.augmentation import photographed
from offline.train.embedder.recipe import Lighting
from offline.train.segmenter.compositing import foreground
from offline.train.segmenter.obstacles import drawn_box, drawn_hand, drawn_leaf
from offline.train.segmenter.samples import MaskSample

# Chosen, not measured. Lengths are fractions of the image's side.
LIGHTING = Lighting(occlusion=0.0, noise=0.4)  # hands are drawn here, with their masks
SIZES = (0.28, 1.1)  # the product's longer side; evenly by its logarithm
UPRIGHT = 0.7  # of the products: turned by little; the others lie in any direction
TILT = 15.0  # degrees, standard deviation
STRETCH = 0.3  # of one axis against the other: inputs are photos squeezed to squares
OFF_CENTRE = 0.13  # standard deviation
NEIGHBOURS = (0, 4)
BESIDE = (0.25, 0.65)  # how far the middles of neighbours are from that of the image
LARGEST = 1.2  # of the neighbours, of the product
BOXES = 0.35  # of the neighbours: drawn, the others are products
BEFORE = 0.15  # of the neighbours: before the product, of which they hide a part
HELD = 0.4
LEAVES = 0.2
SHADOWED = 0.5
TRACE = 0.02  # of opacity: less is background
LEAST_SEEN = 0.5  # of a product that hands and the frame leave; less is drawn anew without a hand

Sample = Callable[[np.random.Generator], MaskSample]
Layer = tuple[FloatArray, FloatArray]  # a matte (S, S) in [0, 1], and colours (S, S, 3) in 0..255


def composed(
    sample: MaskSample, background: UInt8Array, another: Sample, random: np.random.Generator
) -> MaskSample:
    """The product of ``sample`` before ``background`` (S, S, 3), with some of ``another`` behind
    and beside it, and at times a hand, a leaf or one of these before a part of it."""
    side = background.shape[0]
    size = side * _size(random)
    product = placed(sample, side, size, _near_middle(side, random), random)
    behind, before = list[Layer](), list[Layer]()
    for _ in range(int(random.integers(*NEIGHBOURS))):
        largest = min(side * _size(random), LARGEST * size)
        at = _beside_middle(side, random)
        if random.random() < BOXES:
            layer = drawn_box(side, largest, at, random)
        else:
            layer = placed(another(random), side, largest, at, random, turned=False)
        (before if random.random() < BEFORE else behind).append(layer)
    if random.random() < HELD:
        hand = drawn_hand(product[0], random)
        behind.append((hand.behind, hand.colours))
        before.append((hand.before, hand.colours))
    if random.random() < LEAVES:
        before.append(drawn_leaf(product[0], random))
    scene: FloatArray = background.astype(np.float32)
    for layer in behind:
        scene = _over(layer, scene)
    if random.random() < SHADOWED:
        scene = scene * _shadow(product[0], random)[..., None]
    scene = _over(product, scene)
    seen = product[0]
    for layer in before:
        left = seen * (1.0 - layer[0])
        if float(left.sum()) >= LEAST_SEEN * float(product[0].sum()):
            seen, scene = left, _over(layer, scene)
    pixels = np.rint(np.clip(scene, 0.0, 255.0)).astype(np.uint8)
    return MaskSample(photographed(pixels, LIGHTING, random), np.asarray(seen, np.float32))


def placed(
    sample: MaskSample,
    side: int,
    size: float,
    at: Float64Array,
    random: np.random.Generator,
    *,
    turned: bool = True,
) -> Layer:
    """The product alone on a canvas: its matte (side, side), and its colours (side, side, 3) where
    that is above 0. ``size``: pixels of its longer side; ``at``: its middle, (x, y)."""
    top, left, bottom, right = _box(sample.alpha)
    pixels = sample.pixels[top:bottom, left:right]
    alpha = sample.alpha[top:bottom, left:right]
    layers = np.dstack([foreground(pixels, alpha) * alpha[..., None], alpha * np.float32(255)])
    scale = size / max(layers.shape[:2])
    while scale < 0.6 and min(layers.shape[:2]) > 2:  # bilinear weights would skip pixels
        layers = cv2.resize(layers, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        scale = size / max(layers.shape[:2])
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * _linear(turned, random)
    matrix[:, 2] = at - matrix[:, :2] @ (np.array(layers.shape[1::-1]) - 1) / 2
    warped = cv2.warpAffine(layers, matrix, (side, side), flags=cv2.INTER_LINEAR)
    opacity = np.clip(warped[..., 3] / np.float32(255), 0.0, 1.0)
    return opacity, warped[..., :3] / np.maximum(opacity, 1e-3)[..., None]


def _size(random: np.random.Generator) -> float:
    return float(np.exp(random.uniform(*np.log(SIZES))))


def _near_middle(side: int, random: np.random.Generator) -> Float64Array:
    return np.asarray(side * np.clip(random.normal(0.5, OFF_CENTRE, 2), 0.15, 0.85))


def _beside_middle(side: int, random: np.random.Generator) -> Float64Array:
    angle, distance = random.uniform(0, 2 * np.pi), random.uniform(*BESIDE)
    return side * (0.5 + distance * np.array([np.cos(angle), np.sin(angle)]))


def _linear(turned: bool, random: np.random.Generator) -> Float64Array:
    """(2, 2): mirrored or not, stretched and turned."""
    upright = not turned or random.random() < UPRIGHT
    angle = np.deg2rad(random.normal(0, TILT) if upright else random.uniform(-180, 180))
    stretch = np.exp(random.uniform(-STRETCH, STRETCH) / 2)
    mirror = -1.0 if random.random() < 0.5 else 1.0
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.asarray(np.diag([stretch, 1 / stretch]) @ turn @ np.diag([mirror, 1.0]))


def _box(alpha: FloatArray) -> tuple[int, int, int, int]:
    """Around all that is not quite background: top, left, bottom, right."""
    rows, columns = (np.flatnonzero(alpha.max(axis=axis) > TRACE) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _shadow(alpha: FloatArray, random: np.random.Generator) -> FloatArray:
    """(S, S) factors: the product's shape, shifted and blurred."""
    side = alpha.shape[0]
    shift = np.eye(2, 3)
    shift[:, 2] = random.normal(0, 0.05 * side, 2)
    moved = cv2.warpAffine(alpha, shift, (side, side))
    sigma = side * random.uniform(0.01, 0.06)
    depth = random.uniform(0.1, 0.7)
    return np.asarray(1.0 - depth * cv2.GaussianBlur(moved, (0, 0), sigma), np.float32)


def _over(layer: Layer, scene: FloatArray) -> FloatArray:
    alpha, colours = layer
    return scene + alpha[..., None] * (colours - scene)

"""From images with mattes to what a matting network sees while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from engine.types import FloatArray, UInt8Array
from offline.train.matting.pairs import MattingSample, Pair, SaliencyStore
from stages.matting._encoding import encode
from stages.matting._trimap import BandWidths, Trimap, make_trimap

# Fractions of the product's size; wide, since a saliency network misses whole droppers and lids.
ERODE = (0.02, 0.12)
DILATE = (0.05, 0.6)
LEAST_CROP = 0.5  # of the image's shorter side
LEAST_DIFFERENCE = 0.1  # of alpha, from which a saliency map is worth mending
# How often a sample's saliency is its true matte, worn; and the segmenter's own, worn.
TRUTH_SHARE = 0.1
WORN_SHARE = 0.4
JITTER = 0.15  # of the gain of light and of each colour
NOISE = 6.0  # standard deviation in grey levels at most, as phones have it indoors

Level = TypeVar("Level", np.uint8, np.float32)


@dataclass(frozen=True)
class Batch:
    """Everything one step needs, float32."""

    inputs: FloatArray  # (N, C, S, S)
    alpha: FloatArray  # (N, 1, S, S)
    picture: FloatArray  # (N, 3, S, S) in [0, 1]
    unknown: FloatArray  # (N, 1, S, S), 1 where the trimap does not know


@dataclass(frozen=True)
class BatchMaker:
    """Reads, cuts and wears samples; ``side`` is divisible by 8."""

    pairs: Sequence[Pair]
    store: SaliencyStore
    side: int
    with_saliency: bool

    def batch(self, indices: npt.NDArray[np.int64], random: np.random.Generator) -> Batch:
        samples = [
            augmented(self.store.sample(self.pairs[int(index)]), self.side, random)
            for index in indices
        ]
        trimaps = [make_trimap(sample.saliency, drawn_widths(random)) for sample in samples]
        return stacked(samples, trimaps, with_saliency=self.with_saliency)


def stacked(
    samples: Sequence[MattingSample], trimaps: Sequence[Trimap], *, with_saliency: bool
) -> Batch:
    """Samples of one size as a batch."""
    encoded = [
        encode(sample.pixels, trimap, sample.saliency if with_saliency else None)
        for sample, trimap in zip(samples, trimaps, strict=True)
    ]
    colours = np.stack([sample.pixels for sample in samples]).transpose(0, 3, 1, 2)
    return Batch(
        inputs=np.stack(encoded),
        alpha=np.stack([sample.alpha for sample in samples])[:, None],
        picture=colours.astype(np.float32) / np.float32(255.0),
        unknown=np.stack([trimap.unknown for trimap in trimaps])[:, None].astype(np.float32),
    )


def drawn_widths(random: np.random.Generator) -> BandWidths:
    return BandWidths(
        erode=random.uniform(*ERODE),
        dilate=random.uniform(*DILATE),
        low=random.uniform(0.02, 0.2),
        high=random.uniform(0.8, 0.97),
        doubt_holes=bool(random.random() < 0.7),
    )


def augmented(sample: MattingSample, side: int, random: np.random.Generator) -> MattingSample:
    """A square part of a sample at (side, side), mirrored or not, in another light, worn."""
    window = _window(sample, random)
    step = -1 if random.random() < 0.5 else 1
    pixels = _resized(sample.pixels[window][:, ::step], side)
    alpha = _resized(sample.alpha[window][:, ::step], side)
    saliency = _resized(sample.saliency[window][:, ::step], side)
    draw = random.random()
    if draw < TRUTH_SHARE:
        saliency = worn(alpha, random)
    elif draw < TRUTH_SHARE + WORN_SHARE:
        saliency = worn(saliency, random)
    return MattingSample(_relit(pixels, random), alpha, saliency)


def _window(sample: MattingSample, random: np.random.Generator) -> tuple[slice, slice]:
    """A square about a pixel where there is something to learn, shifted into the image."""
    height, width = sample.alpha.shape
    part = max(1, int(min(height, width) * random.uniform(LEAST_CROP, 1.0)))
    apart = np.abs(sample.alpha - sample.saliency) > LEAST_DIFFERENCE
    soft = (sample.alpha > 0.0) & (sample.alpha < 1.0)
    rows, columns = np.nonzero(apart | soft)
    chosen = int(random.integers(max(1, len(rows))))
    row, column = (rows[chosen], columns[chosen]) if len(rows) else (height // 2, width // 2)
    top = int(np.clip(row - part // 2, 0, height - part))
    left = int(np.clip(column - part // 2, 0, width - part))
    return slice(top, top + part), slice(left, left + part)


def worn(alpha: FloatArray, random: np.random.Generator) -> FloatArray:
    """A matte as a saliency network might have it: grown or shrunk, blurred, with a part missing
    or something added."""
    side = min(alpha.shape)
    radius = int(random.integers(0, max(2, side // 40)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    change = cv2.erode if random.random() < 0.5 else cv2.dilate
    changed = np.asarray(change(np.ascontiguousarray(alpha), kernel), np.float32)
    if random.random() < 0.6:
        centre = random.integers(0, side, 2)
        spot = np.zeros(alpha.shape, np.float32)
        axes = random.integers(max(1, side // 20), max(2, side // 5), 2)
        cv2.ellipse(
            spot,
            [int(v) for v in centre],
            [int(v) for v in axes],
            float(random.uniform(0, 180)),
            0,
            360,
            1.0,
            -1,
        )
        level = 0.0 if random.random() < 0.75 else 1.0
        changed = changed * (1 - spot) + level * spot
    blurred = cv2.GaussianBlur(changed, (0, 0), float(random.uniform(0.5, side / 60 + 0.6)))
    return np.asarray(np.clip(blurred, 0.0, 1.0), np.float32)


def _relit(pixels: UInt8Array, random: np.random.Generator) -> UInt8Array:
    """In another light, with channels changed about, and noisy.

    Photos that serve as backgrounds have colours of their own (a shop's fruit is orange), which
    the network would otherwise learn as a background's.
    """
    gain = random.uniform(1 - JITTER, 1 + JITTER) * random.uniform(1 - JITTER, 1 + JITTER, 3)
    noise = random.normal(0.0, random.uniform(0.0, NOISE), pixels.shape)
    lit = pixels[..., random.permutation(3)] * gain + noise
    return np.rint(np.clip(lit, 0, 255)).astype(np.uint8)


def _resized(values: npt.NDArray[Level], side: int) -> npt.NDArray[Level]:
    smaller = side < values.shape[0]
    way = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(values), (side, side), interpolation=way)
    return np.asarray(resized, values.dtype)

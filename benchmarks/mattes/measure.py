"""Every row on every image, side by side: a busy machine then slows all of them alike."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from engine.errors import ConfigError
from engine.images import load
from engine.types import FloatArray, Matte, RGBImage
from mattes.images import true_alpha
from mattes.rows import Finder
from offline.datasets import DatasetImage
from offline.metrics.masks import MaskScores, mask_scores, unknown_band

# Pixels around the true edge in which matting is judged: that of a 256-pixel image's widest
# blur, so that a segmenter's wholesale errors stay out of it.
EDGE_RADIUS = 5


@dataclass(frozen=True)
class Measured:
    """One row on one image."""

    row: str
    image: str  # its id
    category: str
    whole: MaskScores
    edge: MaskScores  # its errors in the unknown band only
    seconds: float  # of the processor, for the mask and, where there is one, the matting


@dataclass(frozen=True, eq=False)
class Found:
    """One matte with what it cost, before anybody judges it."""

    row: str
    matte: Matte
    seconds: float


def measure(finders: Sequence[Finder], images: Sequence[DatasetImage]) -> Iterator[Measured]:
    """Row by row, image by image. Raises ConfigError for a mask of another size."""
    for entry in images:
        image, truth = load(entry.path), true_alpha(entry)
        _check_sizes(entry, image, truth)
        band = unknown_band(truth, EDGE_RADIUS)
        for found in find_all(finders, entry, image):
            alpha = found.matte.alpha
            whole, edge = mask_scores(alpha, truth), mask_scores(alpha, truth, band)
            category = entry.category or "–"
            yield Measured(found.row, entry.id, category, whole, edge, found.seconds)


def find_all(finders: Sequence[Finder], entry: DatasetImage, image: RGBImage) -> Iterator[Found]:
    """The rows of all finders on one image; each finds once, its mattings work on that."""
    for finder in finders:
        start = time.process_time()
        matte = finder.find(entry, image)
        spent = time.process_time() - start
        yield Found(finder.name, matte, spent)
        for row, matting in zip(finder.rows[1:], finder.mattings.values(), strict=True):
            start = time.process_time()
            (refined,) = matting.refine([image], [matte])
            yield Found(row, refined, spent + time.process_time() - start)


def _check_sizes(entry: DatasetImage, image: RGBImage, truth: FloatArray) -> None:
    if truth.shape != (image.height, image.width):
        raise ConfigError(
            f"{entry.id}: the image is {image.width} x {image.height}, its mask "
            f"{truth.shape[1]} x {truth.shape[0]}."
        )

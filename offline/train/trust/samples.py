"""Masks of images whose true masks are known: their features, and their IoU with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.protocols import Segmenter
from engine.types import Float64Array, FloatArray, Matte, Progress, RGBImage
from offline.datasets import Picture
from offline.datasets.mattes import read_matte
from offline.metrics.masks import iou
from stages.trust._features import NAMES, mask_features, row
from stages.trust._second_look import agreement

BATCH = 8


@dataclass(frozen=True, eq=False)
class MaskSamples:
    """One row a mask that is not empty. ``agreement`` is None without a second segmentation.

    ``groups``: images of one family (or product, where that is not known) belong together and must
    not be divided between a fit and its test.
    """

    rows: Float64Array  # (N, F) in the order of ``stages.trust._features.NAMES``
    agreement: FloatArray | None  # (N,) IoU
    iou: Float64Array  # (N,) with the truth
    groups: tuple[str, ...]
    notes: tuple[str, ...] = ()  # a sentence for each image that was left out

    def __len__(self) -> int:
        return len(self.rows)

    def features(self, *, second: bool) -> Float64Array:
        """(N, F), or (N, F + 1) with the agreement."""
        if not second:
            return self.rows
        if self.agreement is None:
            raise ValueError("these images were segmented once only")
        return np.column_stack([self.rows, self.agreement])


@dataclass(frozen=True, eq=False)
class _Sample:
    row: Float64Array
    agreement: float
    iou: float
    group: str


@dataclass(frozen=True, eq=False)
class _Labelled:
    """An image that was read, with its true matte."""

    picture: Picture
    image: RGBImage
    truth: Matte


def mask_samples(
    pictures: Sequence[Picture],
    segmenter: Segmenter,
    *,
    second_look: bool = False,
    limits: ImageLimits | None = None,
    progress: Progress | None = None,
) -> MaskSamples:
    """Segment every image that has a true mask. Unreadable ones are noted, not fatal."""
    labelled = [picture for picture in pictures if picture.mask is not None]
    notes: list[str] = []
    samples: list[_Sample] = []
    for start in range(0, len(labelled), BATCH):
        read = list(_read(labelled[start : start + BATCH], limits or ImageLimits(), notes))
        samples += _segmented(read, segmenter, second_look, notes)
        if progress is not None:
            progress(min(start + BATCH, len(labelled)), len(labelled))
    agreed = np.array([sample.agreement for sample in samples], np.float32)
    return MaskSamples(
        np.array([sample.row for sample in samples], np.float64).reshape(-1, len(NAMES)),
        agreed if second_look else None,
        np.array([sample.iou for sample in samples], np.float64),
        tuple(sample.group for sample in samples),
        tuple(notes),
    )


def _read(
    pictures: Iterable[Picture], limits: ImageLimits, notes: list[str]
) -> Iterator[_Labelled]:
    for picture in pictures:
        try:
            image = load(picture.path, limits=limits)
            truth = read_matte(Path(str(picture.mask)), (image.width, image.height))
        except ImageError as error:
            notes.append(f"left out: {error}")
            continue
        yield _Labelled(picture, image, truth)


def _segmented(
    read: Sequence[_Labelled], segmenter: Segmenter, second_look: bool, notes: list[str]
) -> Iterator[_Sample]:
    images = [labelled.image for labelled in read]
    mattes = segmenter.segment(images)
    agreed = agreement(segmenter, images, mattes) if second_look else np.zeros(len(read))
    for labelled, matte, agreeing in zip(read, mattes, agreed.tolist(), strict=True):
        features, picture = mask_features(labelled.image, matte), labelled.picture
        if features is None:
            notes.append(f"left out: {picture.path}: the mask is empty")
            continue
        group = picture.family or picture.product or picture.id
        yield _Sample(row(features), agreeing, iou(matte.alpha, labelled.truth.alpha), group)

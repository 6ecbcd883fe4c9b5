"""Masks of images whose true masks are known: their features, and their IoU with the truth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from engine.errors import ImageError
from engine.images import ImageLimits
from engine.protocols import Segmenter
from engine.types import Float64Array, FloatArray, Progress
from offline.datasets import DatasetImage
from offline.datasets.mattes import Masked, read_masked
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


def mask_samples(
    images: Sequence[DatasetImage],
    segmenter: Segmenter,
    *,
    second_look: bool = False,
    limits: ImageLimits | None = None,
    progress: Progress | None = None,
) -> MaskSamples:
    """Segment every image that has a true mask. Unreadable ones are noted, not fatal."""
    labelled = [image for image in images if image.mask is not None]
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
    images: Iterable[DatasetImage], limits: ImageLimits, notes: list[str]
) -> Iterator[Masked]:
    for image in images:
        try:
            yield read_masked(image, limits)
        except ImageError as error:
            notes.append(f"left out: {error}")


def _segmented(
    read: Sequence[Masked], segmenter: Segmenter, second_look: bool, notes: list[str]
) -> Iterator[_Sample]:
    images = [labelled.image for labelled in read]
    mattes = segmenter.segment(images)
    agreed = agreement(segmenter, images, mattes) if second_look else np.zeros(len(read))
    for labelled, matte, agreeing in zip(read, mattes, agreed.tolist(), strict=True):
        features, source = mask_features(labelled.image, matte), labelled.source
        if features is None:
            notes.append(f"left out: {source.path}: the mask is empty")
            continue
        group = source.family or source.product or source.id
        yield _Sample(row(features), agreeing, iou(matte.alpha, labelled.truth.alpha), group)

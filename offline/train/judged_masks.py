"""A segmenter's masks of images whose true masks are known: evidence, and how right they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from engine.errors import ImageError
from engine.images import ImageLimits
from engine.protocols import Segmenter
from engine.types import FloatArray, Progress
from offline.datasets import Picture
from offline.datasets.mattes import Masked, read_masked
from offline.metrics.masks import iou
from stages.trust._features import NAMES, mask_features, row
from stages.trust._second_look import agreement

BATCH = 8


@dataclass(frozen=True, eq=False)
class JudgedMasks:
    """One row a mask that is not empty. ``agreement`` is None where nobody looked twice.

    ``groups``: images that show one family (or product, where that is not known) belong
    together and must not be divided between a fit and its test.
    """

    rows: npt.NDArray[np.float64]  # (N, F) in the order of ``stages.trust._features.NAMES``
    agreement: FloatArray | None  # (N,) IoU
    iou: npt.NDArray[np.float64]  # (N,) with the truth
    groups: tuple[str, ...]
    notes: tuple[str, ...] = ()  # a sentence for everything that was left out

    def __len__(self) -> int:
        return len(self.rows)

    def features(self, *, second: bool) -> npt.NDArray[np.float64]:
        """(N, F), or (N, F + 1) with the agreement."""
        if not second:
            return self.rows
        if self.agreement is None:
            raise ValueError("these masks were looked at once only")
        return np.column_stack([self.rows, self.agreement])


@dataclass(frozen=True, eq=False)
class _Mask:
    row: npt.NDArray[np.float64]
    agreement: float
    iou: float
    group: str


def judge_masks(
    pictures: Sequence[Picture],
    segmenter: Segmenter,
    *,
    second_look: bool = False,
    limits: ImageLimits | None = None,
    progress: Progress | None = None,
) -> JudgedMasks:
    """Segment every image that has a true mask. Unreadable ones are noted, not fatal."""
    known = [picture for picture in pictures if picture.mask is not None]
    notes: list[str] = []
    masks: list[_Mask] = []
    for start in range(0, len(known), BATCH):
        read = list(_read(known[start : start + BATCH], limits or ImageLimits(), notes))
        masks += _judged(read, segmenter, second_look, notes)
        if progress is not None:
            progress(min(start + BATCH, len(known)), len(known))
    agreed = np.array([mask.agreement for mask in masks], np.float32)
    return JudgedMasks(
        np.array([mask.row for mask in masks], np.float64).reshape(-1, len(NAMES)),
        agreed if second_look else None,
        np.array([mask.iou for mask in masks], np.float64),
        tuple(mask.group for mask in masks),
        tuple(notes),
    )


def _judged(
    read: Sequence[Masked], segmenter: Segmenter, second_look: bool, notes: list[str]
) -> Iterator[_Mask]:
    images = [one.image for one in read]
    mattes = segmenter.segment(images)
    looks = agreement(segmenter, images, mattes) if second_look else np.zeros(len(read))
    for one, matte, look in zip(read, mattes, looks.tolist(), strict=True):
        found = mask_features(one.image, matte)
        if found is None:
            notes.append(f"left out: {one.picture.path}: nothing was segmented")
            continue
        right = iou(matte.alpha, one.truth.alpha)
        yield _Mask(row(found), look, right, _group(one.picture))


def _read(pictures: Iterable[Picture], limits: ImageLimits, notes: list[str]) -> Iterator[Masked]:
    for picture in pictures:
        try:
            yield read_masked(picture, limits)
        except ImageError as error:
            notes.append(f"left out: {error}")


def _group(picture: Picture) -> str:
    return picture.family or picture.product or picture.id

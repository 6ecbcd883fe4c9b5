"""What segmenters make of images whose true mask is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mattes.images import true_alpha

from engine.images import load
from engine.protocols import Segmenter
from offline.datasets import DatasetImage
from offline.metrics.masks import iou, mae
from stages.context import BuildContext
from stages.segment import grabcut, u2net

BATCH = 8


@dataclass(frozen=True)
class Score:
    """One segmenter on one image."""

    category: str
    look: str
    iou: float  # of what is at least half product
    mae: float  # mean absolute error of alpha over the image


def segmenters(u2netp: Path | None, threads: int) -> dict[str, Segmenter]:
    """``grabcut`` as shipped in ``classic``, and U²-Netp where its weights are given."""
    context = BuildContext(threads)
    shipped = grabcut.build(grabcut.Options.model_validate({}), context)
    found: dict[str, Segmenter] = {"grabcut": shipped}
    if u2netp is not None:
        options = u2net.Options.model_validate({"weights": str(u2netp)})
        found["u2netp"] = u2net.build(options, context)
    return found


def scores(segmenter: Segmenter, images: Sequence[DatasetImage]) -> Iterator[Score]:
    """One an image, in order; images without a mask are passed over."""
    known = [image for image in images if image.mask is not None]
    for start in range(0, len(known), BATCH):
        batch = known[start : start + BATCH]
        mattes = segmenter.segment([load(image.path) for image in batch])
        for image, matte in zip(batch, mattes, strict=True):
            truth = true_alpha(image)
            overlap, error = iou(matte.alpha, truth), mae(matte.alpha, truth)
            yield Score(str(image.category), str(image.look), overlap, error)

"""What segmenters make of pictures whose true mask is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from engine.images import load
from engine.protocols import Segmenter
from offline.datasets import Picture
from stages.context import BuildContext
from stages.segment import grabcut, u2net

BATCH = 8


@dataclass(frozen=True)
class Score:
    """One segmenter on one picture."""

    category: str
    look: str
    iou: float  # of what is more than half product
    mae: float  # mean absolute error of alpha over the picture


def segmenters(u2netp: Path | None, threads: int) -> dict[str, Segmenter]:
    """``grabcut`` as shipped in ``classic``, and U²-Netp where its weights are given."""
    context = BuildContext(threads)
    shipped = grabcut.build(grabcut.Options.model_validate({}), context)
    found: dict[str, Segmenter] = {"grabcut": shipped}
    if u2netp is not None:
        options = u2net.Options.model_validate({"weights": str(u2netp)})
        found["u2netp"] = u2net.build(options, context)
    return found


def scores(segmenter: Segmenter, pictures: Sequence[Picture]) -> Iterator[Score]:
    """One a picture, in order; pictures without a mask are passed over."""
    known = [picture for picture in pictures if picture.mask is not None]
    for start in range(0, len(known), BATCH):
        batch = known[start : start + BATCH]
        mattes = segmenter.segment([load(picture.path) for picture in batch])
        for picture, matte in zip(batch, mattes, strict=True):
            truth = _alpha(picture)
            yield Score(
                str(picture.category), str(picture.look), _iou(matte.alpha > 0.5, truth > 0.5),
                float(np.abs(matte.alpha - truth).mean()),
            )  # fmt: skip


def _alpha(picture: Picture) -> npt.NDArray[np.float32]:
    if picture.mask is None:
        raise ValueError(f"{picture.id} has no mask")
    with Image.open(picture.mask) as mask:
        return np.asarray(mask.convert("L"), np.float32) / np.float32(255)


def _iou(one: npt.NDArray[np.bool_], other: npt.NDArray[np.bool_]) -> float:
    """0 where both are empty: an empty mask matches nothing."""
    return float((one & other).sum() / max(int((one | other).sum()), 1))

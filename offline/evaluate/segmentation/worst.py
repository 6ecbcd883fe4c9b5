"""The masks that are furthest from the true ones, to look at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.cutting import Cutting
from engine.types import FloatArray, Matte, UInt8Array
from offline.datasets.mattes import Masked
from offline.evaluate.segmentation.judging import JudgedMask, read_all
from offline.report.document import Card, Cards
from offline.report.thumbnails import LEGEND, overlay, thumbnail
from stages.assemble import CuttingParts


def worst_masks(
    judged: Sequence[JudgedMask], parts: CuttingParts, cutting: Cutting, count: int
) -> Cards:
    """``count`` of them by IoU, lowest first, ties by id. ``cutting`` remembers their mattes.

    A picture that can be read no longer is left out.
    """
    order = sorted(judged, key=lambda one: (one.whole.iou, one.picture.id))[:count]
    read = read_all([one.picture for one in order], parts.settings, parts.threads)
    known = [(one, it) for one, it in zip(order, read, strict=True) if isinstance(it, Masked)]
    cuts = cutting.cut([it.image for _, it in known])
    return Cards(
        title="The worst masks",
        cards=tuple(_card(one, it, cut.matte) for (one, it), cut in zip(known, cuts, strict=True)),
        note=f"Lowest IoU first; {LEGEND}.",
    )


def _card(one: JudgedMask, known: Masked, matte: Matte) -> Card:
    pixels, truth = known.image.pixels, known.truth.alpha
    return Card(
        title=one.picture.id,
        pictures=(
            thumbnail(pixels, one.picture.id, "photo"),
            thumbnail(_grey(truth), label="true mask"),
            thumbnail(_grey(matte.alpha), label="predicted"),
            thumbnail(overlay(pixels, truth, matte.alpha), label="both"),
        ),
        lines=_lines(one),
    )


def _lines(one: JudgedMask) -> tuple[str, ...]:
    kind = [part for part in (one.picture.category, one.picture.look) if part]
    believed = [] if one.trust is None else [f"trust {one.trust:.2f}"]
    return (
        f"IoU {one.whole.iou:.3f}, boundary F {one.whole.boundary_f:.3f}, "
        f"S-measure {one.structure:.3f}, MAE {one.whole.mae:.3f}",
        "; ".join([*kind, f"flags: {', '.join(one.flags) or 'none'}", *believed]),
    )


def _grey(alpha: FloatArray) -> UInt8Array:
    """(H, W, 3)"""
    levels: UInt8Array = np.rint(alpha * np.float32(255)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)

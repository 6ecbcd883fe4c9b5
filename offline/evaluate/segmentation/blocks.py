"""What is to be seen of judged masks: by category, by cut, and whether a bad one is noticed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.types import QUALITY_FLAGS
from offline.evaluate.segmentation.figures import MEASURES, by_category, by_look, figure
from offline.evaluate.segmentation.judging import JudgedMask
from offline.metrics.masks import CORRECT_IOU, CUT, LEVELS, mean_curve
from offline.report.document import Bars, Block, Figure, Histogram, Lines, Series, Table
from offline.report.figures import lowest

BARS = MEASURES[:3]  # IoU, boundary F, S-measure
EDGES = np.linspace(0.0, 1.0, 21)  # of IoU and trust
STEP = 5  # of the 256 cuts, every fifth is drawn
RIGHT = f"IoU of at least {CORRECT_IOU:g}"


def mask_blocks(judged: Sequence[JudgedMask], seed: int) -> Iterator[Block]:
    """``judged`` are the mattes as served, at least one."""
    categories = by_category(judged)
    if categories:
        yield _bars(categories, seed)
    yield _spread(judged)
    if any(one.curve is not None for one in judged):
        yield _cuts(judged)
    yield _flags(judged)
    if all(one.trust is not None for one in judged):
        yield _trust(judged)


def _bars(categories: dict[str, list[JudgedMask]], seed: int) -> Bars:
    found = {
        name: [figure(measure, some, seed) for measure in BARS] for name, some in categories.items()
    }
    names, note = lowest({name: some[0].value or 0.0 for name, some in found.items()})
    return Bars(
        title="Masks by category",
        labels=names,
        series=tuple(
            _series(measure.name, [found[name][at] for name in names])
            for at, measure in enumerate(BARS)
        ),
        note=note,
        told=True,
    )


def _series(name: str, figures: Sequence[Figure]) -> Series:
    return Series(
        name=name,
        xs=tuple(map(float, range(len(figures)))),
        ys=tuple(one.value for one in figures),
        lows=tuple(one.low for one in figures),
        highs=tuple(one.high for one in figures),
    )


def _spread(judged: Sequence[JudgedMask]) -> Histogram:
    parts = by_look(judged) or {"all": list(judged)}
    return Histogram(
        title="Pictures by IoU",
        x="IoU",
        edges=tuple(EDGES.tolist()),
        counts={name: _counts([one.whole.iou for one in s]) for name, s in parts.items()},
        marks=(("right", CORRECT_IOU),),
    )


def _cuts(judged: Sequence[JudgedMask]) -> Lines:
    mean = mean_curve([one.curve for one in judged if one.curve is not None])
    drawn = range(0, LEVELS, STEP)
    lines = {"precision": mean.precision, "recall": mean.recall, "F-beta": mean.f_beta}
    return Lines(
        title="Where a matte is cut",
        x="alpha from which a pixel counts as product",
        y="mean over pictures",
        series=tuple(
            Series(
                name=name,
                xs=tuple(cut / (LEVELS - 1) for cut in drawn),
                ys=tuple(float(values[cut]) for cut in drawn),
            )
            for name, values in lines.items()
        ),
        marks=(("used", CUT), ("best F-beta", int(mean.f_beta.argmax()) / (LEVELS - 1))),
        note="Precision and recall of pixels; F-beta of their means, beta² = 0.3.",
    )


def _flags(judged: Sequence[JudgedMask]) -> Table:
    """A flag is worth something where the masks that raise it are worse than the others."""
    believed = all(one.trust is None for one in judged)
    flags = [name for name in QUALITY_FLAGS if not (believed and name == "untrusted")]
    rows = [(name, [one for one in judged if name in one.flags]) for name in flags]
    rows.append(("any of them", [one for one in judged if one.flags]))
    rows.append(("none", [one for one in judged if not one.flags]))
    wrong = [one for one in judged if one.whole.iou < CORRECT_IOU]
    noticed = sum(bool(one.flags) for one in wrong)
    return Table(
        title="Quality flags against IoU",
        columns=("flag", "pictures", "mean IoU", f"{RIGHT} (share)"),
        rows=tuple((name, *_cells(some)) for name, some in rows),
        note=f"Of {len(wrong)} masks below an {RIGHT}, {noticed} raise a flag.",
    )


def _cells(judged: Sequence[JudgedMask]) -> tuple[str, str, str]:
    if not judged:
        return "0", "–", "–"
    overlaps = np.array([one.whole.iou for one in judged])
    return str(len(judged)), f"{overlaps.mean():.3f}", f"{(overlaps >= CORRECT_IOU).mean():.3f}"


def _trust(judged: Sequence[JudgedMask]) -> Histogram:
    parts = {
        RIGHT: [one for one in judged if one.whole.iou >= CORRECT_IOU],
        "below": [one for one in judged if one.whole.iou < CORRECT_IOU],
    }
    return Histogram(
        title="How far masks were believed",
        x="trust",
        edges=tuple(EDGES.tolist()),
        counts={n: _counts([one.trust or 0.0 for one in s]) for n, s in parts.items()},
    )


def _counts(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(np.histogram(values, EDGES)[0].tolist())

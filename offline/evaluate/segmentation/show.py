"""The segmentation section: groups of figures, charts, tables, the worst masks, and the rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from engine.types import DOUBTS, FloatArray, Matte, Progress, UInt8Array
from offline.datasets import DatasetImage
from offline.datasets.mattes import Masked
from offline.evaluate.segmentation.measure import (
    MeasuredMask,
    MeasuredMasks,
    by_category,
    by_look,
    mask_groups,
    matting_gains,
    measure_masks,
    metric_figure,
    read_all,
)
from offline.metrics.masks import (
    BOUNDARY_TOLERANCE,
    CORRECT_IOU,
    CUT,
    EDGE_RADIUS,
    LEVELS,
    METRICS,
    mean_curve,
)
from offline.report.document import (
    Bars,
    Block,
    Card,
    Cards,
    Figure,
    Histogram,
    Lines,
    Section,
    Series,
    Table,
)
from offline.report.figures import lowest
from offline.report.thumbnails import LEGEND, overlay, thumbnail
from stages.assemble import CuttingParts

WORST = 12  # masks shown
CHARTED = METRICS[:3]  # IoU, boundary F, S-measure
EDGES = np.linspace(0.0, 1.0, 21)  # of IoU and trust
STEP = 5  # of the 256 cuts, every fifth is drawn
CORRECT = f"IoU of at least {CORRECT_IOU:g}"

RULES = (
    "IoU and boundary F cut both mattes at 0.5; a boundary may lie "
    f"{BOUNDARY_TOLERANCE} pixels beside the true one. S-measure and max F-beta see the predicted "
    "matte's grey levels and cut the true one at 0.5. MAE, MSE, SAD and the gradient error compare "
    "grey levels on both sides.",
    "Max F-beta (beta² = 0.3): 'own cut' chooses the best cut of every image and is averaged; "
    "'one cut for all' averages precision and recall over images first, as benchmarks do.",
    f"At edges: within {EDGE_RADIUS} pixels of the true edge, where matting is compared. SAD and "
    "gradient error grow with the image: compare them among images of one size only.",
    f"A mask counts as correct with an {CORRECT}, above which its contour may be compared.",
    "Mattes are kept in 8 bits between runs, and measured so; that does not change the mask at "
    "0.5.",
)


def segmentation_section(
    images: Sequence[DatasetImage],
    parts: CuttingParts,
    seed: int,
    progress: Progress | None = None,
    worst: int = WORST,
) -> tuple[Section, tuple[str, ...]]:
    """Metrics of the mattes of those images that have a true mask, and a sentence for every one
    that cannot be read.

    Without an image to measure the section has no figures and a note with the reason. Raises
    StageError and WeightsError where a part fails.
    """
    known = [image for image in images if image.mask is not None]
    if not known:
        return _nothing(f"None of the {len(images)} images has a true mask."), ()
    measured = measure_masks(known, parts, progress)
    if not measured.served:
        why = f"Not one of the {len(known)} images with a true mask can be read."
        return _nothing(why), measured.faults
    cards = worst_masks(measured.served, parts, worst)
    gain = (_matting_gain(measured, seed),) if measured.rough else ()
    section = Section(
        stage="segment",
        groups=tuple(mask_groups(measured, seed)),
        blocks=(*mask_blocks(measured.served, seed), *gain, cards),
        notes=(
            f"Masks measured: {len(measured.served)}, each at the size of its image as it is "
            f"decoded. Images without a true mask: {len(images) - len(known)}. Not readable: "
            f"{len(measured.faults)}.",
            *RULES,
        ),
    )
    return section, measured.faults


def _nothing(why: str) -> Section:
    return Section(stage="segment", groups=(), notes=(f"{why} Masks were not measured.",))


def mask_blocks(masks: Sequence[MeasuredMask], seed: int) -> Iterator[Block]:
    """``masks`` are the mattes as served, at least one."""
    categories = by_category(masks)
    if categories:
        yield _bars(categories, seed)
    yield _overlaps(masks)
    if any(mask.curve is not None for mask in masks):
        yield _cuts(masks)
    yield _flags(masks)
    if all(mask.trust is not None for mask in masks):
        yield _trust(masks)


def _bars(categories: dict[str, list[MeasuredMask]], seed: int) -> Bars:
    found = {
        name: [metric_figure(metric, masks, seed) for metric in CHARTED]
        for name, masks in categories.items()
    }
    names, note = lowest({name: some[0].value or 0.0 for name, some in found.items()})
    return Bars(
        title="Masks by category",
        labels=names,
        series=tuple(
            _series(metric.name, [found[name][at] for name in names])
            for at, metric in enumerate(CHARTED)
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


def _overlaps(masks: Sequence[MeasuredMask]) -> Histogram:
    parts = by_look(masks) or {"all": list(masks)}
    return Histogram(
        title="Images by IoU",
        x="IoU",
        edges=tuple(EDGES.tolist()),
        counts={name: _counts([mask.iou for mask in some]) for name, some in parts.items()},
        marks=(("correct", CORRECT_IOU),),
    )


def _cuts(masks: Sequence[MeasuredMask]) -> Lines:
    mean = mean_curve([mask.curve for mask in masks if mask.curve is not None])
    drawn = range(0, LEVELS, STEP)
    lines = {"precision": mean.precision, "recall": mean.recall, "F-beta": mean.f_beta}
    return Lines(
        title="Where a matte is cut",
        x="alpha from which a pixel counts as product",
        y="mean over images",
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


def _flags(masks: Sequence[MeasuredMask]) -> Table:
    """A flag is worth something where the masks that raise it are worse than the others."""
    without_trust = all(mask.trust is None for mask in masks)
    flags = [name for name in DOUBTS if not (without_trust and name == "untrusted")]
    rows = [(name, [mask for mask in masks if name in mask.flags]) for name in flags]
    rows.append(("any of them", [mask for mask in masks if mask.flags]))
    rows.append(("none", [mask for mask in masks if not mask.flags]))
    incorrect = [mask for mask in masks if mask.iou < CORRECT_IOU]
    flagged = sum(bool(mask.flags) for mask in incorrect)
    return Table(
        title="Quality flags against IoU",
        columns=("flag", "images", "mean IoU", f"{CORRECT} (fraction)"),
        rows=tuple((name, *_cells(some)) for name, some in rows),
        note=f"Of {len(incorrect)} masks below an {CORRECT}, {flagged} raise a flag.",
    )


def _cells(masks: Sequence[MeasuredMask]) -> tuple[str, str, str]:
    if not masks:
        return "0", "–", "–"
    overlaps = np.array([mask.iou for mask in masks])
    return str(len(masks)), f"{overlaps.mean():.3f}", f"{(overlaps >= CORRECT_IOU).mean():.3f}"


def _trust(masks: Sequence[MeasuredMask]) -> Histogram:
    parts = {
        CORRECT: [mask for mask in masks if mask.iou >= CORRECT_IOU],
        "below": [mask for mask in masks if mask.iou < CORRECT_IOU],
    }
    return Histogram(
        title="How far masks were trusted",
        x="trust",
        edges=tuple(EDGES.tolist()),
        counts={n: _counts([mask.trust or 0.0 for mask in some]) for n, some in parts.items()},
    )


def _counts(values: Sequence[float]) -> tuple[int, ...]:
    return tuple(np.histogram(values, EDGES)[0].tolist())


def _matting_gain(measured: MeasuredMasks, seed: int) -> Table:
    """An interval without 0 is a change beyond the noise."""
    rows = (
        (
            gain.metric.name,
            gain.metric.better,
            f"{gain.without:.3f}",
            f"{gain.refined:.3f}",
            f"{gain.change.mean:+.4f}",
            f"{gain.change.low:+.4f} to {gain.change.high:+.4f}",
        )
        for gain in matting_gains(measured, seed)
    )
    return Table(
        title="What matting changes",
        columns=("metric", "better", "without", "with", "change", "95 % interval"),
        rows=tuple(rows),
        note="Change: mean over images of the difference on the same image.",
    )


def worst_masks(masks: Sequence[MeasuredMask], parts: CuttingParts, count: int) -> Cards:
    """``count`` of them by IoU, lowest first, ties by id. An image that can be read no longer is
    left out.
    """
    order = sorted(masks, key=lambda mask: (mask.iou, mask.image.id))[:count]
    read = read_all([mask.image for mask in order], parts.settings, parts.threads)
    known = [(mask, it) for mask, it in zip(order, read, strict=True) if isinstance(it, Masked)]
    cuts = parts.cutting.cut([it.image for _, it in known])
    return Cards(
        title="The worst masks",
        cards=tuple(
            _card(mask, it, cut.matte) for (mask, it), cut in zip(known, cuts, strict=True)
        ),
        note=f"Lowest IoU first; {LEGEND}.",
    )


def _card(mask: MeasuredMask, known: Masked, matte: Matte) -> Card:
    pixels, truth = known.image.pixels, known.truth.alpha
    return Card(
        title=mask.image.id,
        pictures=(
            thumbnail(pixels, mask.image.id, "photo"),
            thumbnail(_grey(truth), label="true mask"),
            thumbnail(_grey(matte.alpha), label="predicted"),
            thumbnail(overlay(pixels, truth, matte.alpha), label="both"),
        ),
        lines=_lines(mask),
    )


def _lines(mask: MeasuredMask) -> tuple[str, ...]:
    kind = [part for part in (mask.image.category, mask.image.look) if part]
    trust = [] if mask.trust is None else [f"trust {mask.trust:.2f}"]
    shown = ("IoU", "boundary F", "S-measure", "MAE")
    return (
        ", ".join(f"{name} {mask.values[name]:.3f}" for name in shown),
        "; ".join([*kind, f"flags: {', '.join(mask.flags) or 'none'}", *trust]),
    )


def _grey(alpha: FloatArray) -> UInt8Array:
    """(H, W, 3)"""
    levels: UInt8Array = np.rint(alpha * np.float32(255)).astype(np.uint8)
    return np.repeat(levels[..., None], 3, axis=2)

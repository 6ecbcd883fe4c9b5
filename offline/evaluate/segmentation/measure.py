"""A system's mattes against the true ones: the metrics of every image, and their means."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.config import Settings
from engine.cutting import Cut
from engine.errors import ImageError
from engine.images import ImageLimits
from engine.parallel import each
from engine.quality import assess
from engine.types import Matte, Progress
from offline.datasets import DatasetImage
from offline.datasets.mattes import Masked, read_masked
from offline.datasets.relevance import clusters_of
from offline.metrics.masks import METRICS, CutCurve, Metric, cut_curve, set_max_f_beta
from offline.metrics.statistics import Interval, bootstrap
from offline.report.document import Figure, Group
from offline.report.figures import averaged
from stages.assemble import CuttingParts

BATCH = 8  # images in memory at a time

ONE_CUT = "max F-beta, one cut for all"
EMPTY_TRUTH = "every true mask is empty"
SERVED = "Mattes as a search uses them."
ROUGH = "Mattes of the segmenter alone, before matting."


@dataclass(frozen=True, eq=False)
class MeasuredMask:
    """One matte. ``values`` by the names of ``masks.METRICS``; ``curve`` is None where the true
    mask is empty; ``flags`` and ``trust`` as serving would see them."""

    image: DatasetImage
    values: Mapping[str, float | None]
    curve: CutCurve | None
    flags: tuple[str, ...]
    trust: float | None

    @property
    def iou(self) -> float:
        return self.values["IoU"] or 0.0


@dataclass(frozen=True, eq=False)
class MeasuredMasks:
    """``served`` are the mattes as a search uses them; ``rough`` those before matting, aligned,
    empty where the system has no matting. ``faults``: a sentence for every unreadable image."""

    served: tuple[MeasuredMask, ...]
    rough: tuple[MeasuredMask, ...]
    faults: tuple[str, ...]


def measure_masks(
    images: Sequence[DatasetImage],
    parts: CuttingParts,
    progress: Progress | None = None,
) -> MeasuredMasks:
    """Of images that all have a mask, in their order.

    Raises StageError and WeightsError where a part fails.
    """
    cutting = parts.cutting
    served: list[MeasuredMask] = []
    rough: list[MeasuredMask] = []
    faults: list[str] = []
    for start in range(0, len(images), BATCH):
        read = read_all(images[start : start + BATCH], parts.settings, parts.threads)
        faults += [one for one in read if isinstance(one, str)]
        known = [one for one in read if isinstance(one, Masked)]
        served += _served(known, cutting.cut([one.image for one in known]), parts.threads)
        if cutting.matting is not None and known:
            mattes = cutting.masks([one.image for one in known])
            pairs = list(zip(known, mattes, strict=True))
            rough += each(lambda pair: measure_mask(*pair), pairs, threads=parts.threads)
        if progress is not None:
            progress(min(start + BATCH, len(images)), len(images))
    return MeasuredMasks(tuple(served), tuple(rough), tuple(faults))


def read_all(
    images: Sequence[DatasetImage], settings: Settings, threads: int
) -> list[Masked | str]:
    """Aligned with the images, each of which has a mask; a sentence for one that is unreadable."""
    limits = ImageLimits.of(settings.images)

    def read(image: DatasetImage) -> Masked | str:
        try:
            return read_masked(image, limits)
        except ImageError as error:
            return f"{error.uri}: left out, {error.reason}"

    return each(read, images, threads=threads)


def _served(known: Sequence[Masked], cuts: Sequence[Cut], threads: int) -> list[MeasuredMask]:
    def measured(pair: tuple[Masked, Cut]) -> MeasuredMask:
        one, cut = pair
        return measure_mask(one, cut.matte, not cut.trusted, cut.trust)

    return each(measured, list(zip(known, cuts, strict=True)), threads=threads)


def measure_mask(
    known: Masked, matte: Matte, untrusted: bool = False, trust: float | None = None
) -> MeasuredMask:
    """One matte by every metric."""
    alpha, truth = matte.alpha, known.truth.alpha
    return MeasuredMask(
        known.source,
        {metric.name: metric.of(alpha, truth) for metric in METRICS},
        cut_curve(alpha, truth),
        (*assess(matte).flags, *(("untrusted",) if untrusted else ())),
        trust,
    )


def mask_groups(measured: MeasuredMasks, seed: int) -> Iterator[Group]:
    """All images first, then, where there are several, every category and every look."""
    yield _group("all", measured.served, seed, SERVED)
    if measured.rough:
        yield _group("without matting", measured.rough, seed, ROUGH)
    for kind, parts in (
        ("category", by_category(measured.served)),
        ("look", by_look(measured.served)),
    ):
        for name, masks in parts.items():
            yield _group(f"{kind} / {name}", masks, seed)


def _group(name: str, masks: Sequence[MeasuredMask], seed: int, meaning: str = "") -> Group:
    figures = [metric_figure(metric, masks, seed) for metric in METRICS]
    figures.insert(3, _one_cut(masks, seed))
    images = [mask.image for mask in masks]
    return Group(
        name=name,
        figures=tuple(figures),
        items=tuple(image.id for image in images),
        clusters=clusters_of(images),
        meaning=meaning,
    )


def metric_figure(metric: Metric, masks: Sequence[MeasuredMask], seed: int) -> Figure:
    """The mean over images with its interval."""
    return averaged(
        metric.name,
        [mask.values[metric.name] for mask in masks],
        seed=seed,
        better=metric.better,
        why=EMPTY_TRUTH,
        clusters=clusters_of([mask.image for mask in masks]),
    )


def _one_cut(masks: Sequence[MeasuredMask], seed: int) -> Figure:
    known = [mask for mask in masks if mask.curve is not None]
    if not known:
        return Figure(name=ONE_CUT, value=None, why=EMPTY_TRUTH)
    curves = [mask.curve for mask in known if mask.curve is not None]
    clusters = clusters_of([mask.image for mask in known])
    found = set_max_f_beta(curves, seed=seed, clusters=clusters)
    return Figure(name=ONE_CUT, value=found.mean, low=found.low, high=found.high)


def by_category(masks: Sequence[MeasuredMask]) -> dict[str, list[MeasuredMask]]:
    """In alphabetical order; empty unless there are two categories."""
    return _parted(masks, lambda image: image.category)


def by_look(masks: Sequence[MeasuredMask]) -> dict[str, list[MeasuredMask]]:
    """In alphabetical order; empty unless there are two looks."""
    return _parted(masks, lambda image: image.look)


def _parted(
    masks: Sequence[MeasuredMask], of: Callable[[DatasetImage], str | None]
) -> dict[str, list[MeasuredMask]]:
    parts: dict[str, list[MeasuredMask]] = {}
    for mask in masks:
        name = of(mask.image)
        if name is not None:
            parts.setdefault(name, []).append(mask)
    return dict(sorted(parts.items())) if len(parts) > 1 else {}


@dataclass(frozen=True)
class MattingGain:
    """What matting changes in one metric: means without and with it, and of the differences."""

    metric: Metric
    without: float
    refined: float
    change: Interval


def matting_gains(measured: MeasuredMasks, seed: int) -> Iterator[MattingGain]:
    """Image by image; a metric for which no image counts is left out."""
    pairs = list(zip(measured.served, measured.rough, strict=True))
    for metric in METRICS:
        refined: list[float] = []
        rough: list[float] = []
        clusters: list[str] = []
        for one, other in pairs:
            after, before = one.values[metric.name], other.values[metric.name]
            if after is not None and before is not None:
                refined.append(after)
                rough.append(before)
                clusters.extend(clusters_of([one.image]))
        if refined:
            differences = [after - before for after, before in zip(refined, rough, strict=True)]
            change = bootstrap(differences, seed=seed, clusters=clusters)
            yield MattingGain(metric, sum(rough) / len(rough), sum(refined) / len(refined), change)

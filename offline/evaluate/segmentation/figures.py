"""Judged masks to the report's figures: all pictures, and by category and look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from offline.datasets import Picture
from offline.evaluate.segmentation.judging import JudgedMask, JudgedMasks
from offline.metrics.masks import max_f_beta, set_max_f_beta
from offline.report.document import Better, Figure, Group
from offline.report.figures import averaged

ONE_CUT = "max F-beta, one cut for all"
EMPTY_TRUTH = "every true mask is empty"
SERVED = "Mattes as a search uses them."
ROUGH = "What the segmenter alone gave, before matting."


@dataclass(frozen=True)
class Measure:
    """``of`` gives None where a picture does not count."""

    name: str
    better: Better
    of: Callable[[JudgedMask], float | None]


MEASURES = (
    Measure("IoU", "higher", lambda one: one.whole.iou),
    Measure("boundary F", "higher", lambda one: one.whole.boundary_f),
    Measure("S-measure", "higher", lambda one: one.structure),
    Measure("max F-beta, own cut", "higher", lambda one: _own_cut(one)),
    Measure("MAE", "lower", lambda one: one.whole.mae),
    Measure("MSE", "lower", lambda one: one.whole.mse),
    Measure("SAD (thousands)", "lower", lambda one: one.whole.sad),
    Measure("gradient error (thousands)", "lower", lambda one: one.whole.gradient),
    Measure("MSE at edges", "lower", lambda one: one.edge.mse),
    Measure("SAD at edges (thousands)", "lower", lambda one: one.edge.sad),
)


def mask_groups(judged: JudgedMasks, seed: int) -> Iterator[Group]:
    """All pictures first, then, where there are several, every category and every look."""
    yield _group("all", judged.served, seed, SERVED)
    if judged.rough:
        yield _group("without matting", judged.rough, seed, ROUGH)
    for kind, of in (("category", _category), ("look", _look)):
        for name, some in parted(judged.served, of).items():
            yield _group(f"{kind} / {name}", some, seed)


def parted(
    judged: Sequence[JudgedMask], of: Callable[[Picture], str | None]
) -> dict[str, list[JudgedMask]]:
    """By name, in alphabetical order; empty unless there are two names."""
    parts: dict[str, list[JudgedMask]] = {}
    for one in judged:
        name = of(one.picture)
        if name is not None:
            parts.setdefault(name, []).append(one)
    return dict(sorted(parts.items())) if len(parts) > 1 else {}


def by_category(judged: Sequence[JudgedMask]) -> dict[str, list[JudgedMask]]:
    return parted(judged, _category)


def by_look(judged: Sequence[JudgedMask]) -> dict[str, list[JudgedMask]]:
    return parted(judged, _look)


def figure(measure: Measure, judged: Sequence[JudgedMask], seed: int) -> Figure:
    samples = [measure.of(one) for one in judged]
    return averaged(
        measure.name,
        samples,
        seed=seed,
        better=measure.better,
        why=EMPTY_TRUTH,
        clusters=[cluster_of(one) for one in judged],
    )


def cluster_of(judged: JudgedMask) -> str:
    """Pictures of one product are not independent."""
    return judged.picture.product or judged.picture.id


def _group(name: str, judged: Sequence[JudgedMask], seed: int, meaning: str = "") -> Group:
    figures = [figure(measure, judged, seed) for measure in MEASURES]
    figures.insert(3, _one_cut(judged, seed))
    return Group(
        name=name,
        figures=tuple(figures),
        items=tuple(one.picture.id for one in judged),
        clusters=tuple(map(cluster_of, judged)),
        meaning=meaning,
    )


def _one_cut(judged: Sequence[JudgedMask], seed: int) -> Figure:
    known = [(one.curve, cluster_of(one)) for one in judged if one.curve is not None]
    if not known:
        return Figure(name=ONE_CUT, value=None, why=EMPTY_TRUTH)
    curves, clusters = zip(*known, strict=True)
    found = set_max_f_beta(curves, seed=seed, clusters=clusters)
    return Figure(name=ONE_CUT, value=found.mean, low=found.low, high=found.high)


def _own_cut(judged: JudgedMask) -> float | None:
    return None if judged.curve is None else max_f_beta(judged.curve)


def _category(picture: Picture) -> str | None:
    return picture.category


def _look(picture: Picture) -> str | None:
    return picture.look

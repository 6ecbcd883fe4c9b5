"""The switches of an ablation: each changes one part of a system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine.adaptation import Adaptation
from engine.config import Settings, load
from engine.types import CategoryScores, Description
from offline.evaluate.task import DescribedTask
from stages.assemble import stage_names

Rescore = Callable[[DescribedTask], tuple[Description, ...]]


@dataclass(frozen=True)
class Variant:
    """``overrides`` laid over the system's settings; ``describes``: whether images must be
    described anew; ``rescored``: in place of overrides, queries with other category scores;
    ``adapts``: whether vectors are compared by ``adaptation`` in place of the system's own."""

    name: str
    overrides: tuple[str, ...] = ()
    describes: bool = False
    true_masks: bool = False
    rescored: Rescore | None = None
    adapts: bool = False
    adaptation: Adaptation | None = None

    def settings(self, base: Settings) -> Settings:
        return load(base, env={}, flags=self.overrides)


def variants(
    base: Settings,
    *,
    describing: bool,
    masks: bool = False,
    reranker: Path | None = None,
    adaptation: Adaptation | None = None,
) -> list[Variant]:
    """What can be switched in a system, in the order of its stages. ``masks``: whether the data
    set has true ones; ``reranker``: a learned one to try; ``adaptation``: the system's. Switches
    that change nothing are left out."""
    found = [*_adapting(adaptation), *_routing(), *_queries(), *_prints(base)]
    if describing:
        perfect = [Variant("true masks (perfect segmentation)", describes=True, true_masks=True)]
        found = [*(perfect if masks else []), *_describing(base), *found]
    return [
        one
        for one in [*found, *_reranks(reranker)]
        if one.true_masks or one.rescored or one.adapts or one.settings(base) != base
    ]


def _describing(base: Settings) -> list[Variant]:
    """Stages left out, matting where there is none, and other ways to cut a product out."""
    whole = ("segment.name=whole", "matting.name=none", "trust.name=none")
    left_out = [
        Variant(f"without [{stage}]", (f"{stage}.name=none",), describes=True)
        for stage in ("matting", "trust", "whiten")
    ]
    if base.matting.name == "none":  # the one that needs no weights
        left_out.append(Variant("with guided matting", ("matting.name=guided",), describes=True))
    others = [
        Variant(f"cutout {name}", (f"cutout.name={name}",), describes=True)
        for name in stage_names("cutout")
        if name != base.cutout.name
    ]
    return [Variant("without segmentation", whole, describes=True), *left_out, *others]


def _adapting(adaptation: Adaptation | None) -> list[Variant]:
    """Without any, and each part alone where there are several."""
    if adaptation is None:
        return []
    # They are fitted to all of it together.
    shared = replace(adaptation, head=None, fusion=None, print_weight=None)
    alone = {
        "centring": replace(shared, projection=None, scale=None),
        "scale": replace(shared, projection=None),
        "projection": replace(shared, photo_mean=adaptation.catalogue_mean, scale=None),
    }
    there = {"centring": True, "scale": adaptation.scale, "projection": adaptation.projection}
    less = {
        "the category head": replace(adaptation, head=None),
        "fusion": replace(adaptation, fusion=None),
        "the weight of print": replace(adaptation, print_weight=None),
    }
    parts = [part for part, value in there.items() if value is not None]
    return [
        Variant("without adaptation", adapts=True),
        *(
            Variant(f"without {part}", adapts=True, adaptation=without)
            for part, without in less.items()
            if without.identity != adaptation.identity
        ),
        *(
            Variant(f"{part} alone", adapts=True, adaptation=alone[part])
            for part in parts
            if alone[part].identity not in (adaptation.identity, shared.identity)
        ),
    ]


def _routing() -> list[Variant]:
    return [
        Variant("all categories searched", rescored=_unknown),
        Variant("likeliest category alone", ("route.hard=true",)),
        Variant("right category alone (perfect routing)", rescored=_certain),
    ]


def _queries() -> list[Variant]:
    """Augmenting describes the queries anew, which the cache keeps apart."""
    return [
        Variant("query augmentation", ("query.augment=true",), describes=True),
        Variant("query expansion by 2", ("query.expand=2",)),
    ]


def _prints(base: Settings) -> list[Variant]:
    if base.keypoints.name == "none":
        return []
    return [Variant("without keypoints", ("keypoints.checked=0",))]


def _reranks(learned: Path | None) -> list[Variant]:
    found = [
        Variant("without rerank", ("rerank.name=none",)),
        Variant("rerank by plain IoU", _contour_iou(align=False)),
        Variant("rerank by aligned IoU", _contour_iou(align=True)),
        Variant("rerank fused, aligned IoU at 0.05", ("rerank.name=fused",)),
    ]
    if learned is not None:
        chosen = ("rerank.name=learned", f"rerank.weights={learned.absolute()}")
        found.append(Variant("rerank learned", chosen))
    return found


def _contour_iou(*, align: bool) -> tuple[str, ...]:
    return ("rerank.name=contour_iou", f"rerank.align={str(align).lower()}")


def _unknown(task: DescribedTask) -> tuple[Description, ...]:
    """A photo that looks like no known category is searched in all of them."""
    return tuple(
        replace(query, scores=replace(query.scores, unknown=True)) for query in task.queries
    )


def _certain(task: DescribedTask) -> tuple[Description, ...]:
    """As if the classifier were always correct; photos without a label keep their scores."""
    labels: Sequence[str | None] = [image.category for image in task.task.queries]
    return tuple(
        query if label is None else replace(query, scores=CategoryScores.certain(label))
        for query, label in zip(task.queries, labels, strict=True)
    )

"""Whether mask trust is calibrated, and whether using fewer masks finds more.

    python benchmarks/mask_trust.py --data PACKBENCH --work DIR --u2netp FILE --backbone FILE.onnx

Every image is described twice, by its mask and as a whole; a rule of trust only chooses. The
shipped trust files were fitted on ``queries`` and ``validation``; so ``unseen`` (other products,
photos and studio images) shows how well they are calibrated, and its photos search its own
gallery together with the whole catalogue. For photos of ``queries`` the score is fitted anew,
five times, each time without the families that it judges. How to read the tables:

* ``believed``: fraction of masks used; ``right``: fraction of masks with an IoU of 0.8 or more
  with the truth, of all, of those used and of those not.
* AUROC: how often a correct mask gets the higher probability; ECE: ten bins.
* R@1, R@5: fraction of photos with the correct product (or family) among the first 1 or 5 products,
  every category searched; ΔMRR: difference to ``every mask`` of the mean reciprocal rank of the
  product, photo by photo, with its 95 % interval.
* ``the truth``: masks are used where they are correct, the most that a trust can know.
* ``contours calibrated``: every mask cuts out, but only trusted ones are compared by contour.
* ``or its box``, ``or whole``: what is described where a mask is not trusted. A crop is the mask's
  box already, so there the trust only keeps its contour out of the reranking.
* cost: mean reciprocal rank by the mask and as a whole, for correct and for incorrect masks of
  photos: what a correct mask is worth, and what an incorrect one costs.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from support.tables import markdown
from trust.held_out import cross_fitted
from trust.ranking import Chooses, Outcome, outcomes_of
from trust.two_ways import TwoWays, described_both_ways

from engine.errors import PacksightError
from engine.protocols import Reranker
from engine.types import Description
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.metrics.masks import CORRECT_IOU
from offline.metrics.statistics import bootstrap
from offline.train.trust.recipe import INCORRECT_COST
from offline.train.trust.training import least_trust, quality
from stages.context import BuildContext
from stages.rerank import contour_iou, fused, none

SEED = 20240  # of the bootstrap
Uses = Callable[[TwoWays], bool]
# fmt: off
TRUTH_HEAD = ("masks of", "masks", "right", "AUROC", "ECE", "believed", "right of these",
              "right of the others")
FOUND_HEAD = ("photos, chain, masks used", "believed", "R@1", "R@5", "family R@1", "family R@5",
              "MRR", "ΔMRR")
COST_HEAD = ("photos, chain, their masks", "photos", "by mask", "as a whole", "gain of the mask")
# fmt: on


@dataclass(frozen=True)
class Chain:
    """One way to describe and to search."""

    name: str
    overrides: tuple[str, ...]
    reranker: Reranker


@dataclass(frozen=True, eq=False)
class Task:
    """Photos and the gallery that they search, described by one chain."""

    name: str
    photos: list[TwoWays]
    catalogue: list[TwoWays]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        dataset = open_dataset(args.data, "packbench")
        tables: tuple[list[list[str]], ...] = ([], [], [])
        for chain in _chains(args.u2netp, args.backbone):
            if not any(part in chain.name for part in args.chain):
                continue
            print(f"mask_trust: {chain.name}", file=sys.stderr, flush=True)
            for table, rows in zip(tables, _rows(dataset, chain, args), strict=True):
                table += rows
    except PacksightError as error:
        print(f"mask_trust: {error}", file=sys.stderr)
        return 1
    for head, rows in zip((TRUTH_HEAD, FOUND_HEAD, COST_HEAD), tables, strict=True):
        print(markdown(head, rows), end="\n\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, metavar="DIR", help="a Packbench")
    parser.add_argument("--work", type=Path, required=True, metavar="DIR", help="kept descriptions")
    parser.add_argument("--mattes", type=Path, metavar="DIR", help="kept mattes (default: WORK)")
    parser.add_argument("--u2netp", type=Path, metavar="FILE.onnx")
    parser.add_argument("--backbone", type=Path, metavar="FILE.onnx", help="embed with this too")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only every Nth image of the catalogue"
    )
    parser.add_argument(
        "--chain",
        nargs="+",
        default=[""],
        metavar="PART",
        help="only chains with one of these in their names",
    )
    parser.add_argument("--wrong-cost", type=float, default=INCORRECT_COST, metavar="C")
    return parser


def _chains(u2netp: Path | None, backbone: Path | None) -> Iterator[Chain]:
    """``classic`` as shipped; the backbone alone on crops and on cutouts without background, these
    also with the ten nearest sorted by their contours, as in the paper but aligned."""
    masks = {"grabcut": ("segment.name=grabcut",)}
    if u2netp is not None:
        masks["u2netp"] = ("segment.name=u2net", f"segment.weights={u2netp.absolute()}")
    context = BuildContext()
    plain, weighed = none.build(none.Options(), context), fused.build(fused.Options(), context)
    sorting = contour_iou.build(contour_iou.Options(align=True), context)
    for name, segment in masks.items():
        yield Chain(f"{name}, handcrafted, fused", segment, weighed)
        if backbone is not None:
            embed = ("embed.name=onnx", f"embed.weights={backbone.absolute()}")
            for cutout in ("crop", "colour_on_white"):
                overrides = (*segment, *embed, f"cutout.name={cutout}")
                yield Chain(f"{name}, {cutout}, {backbone.stem}", overrides, plain)
            yield Chain(f"{name}, {cutout}, {backbone.stem}, by outline", overrides, sorting)


def _rows(
    dataset: Dataset, chain: Chain, args: argparse.Namespace
) -> tuple[list[list[str]], list[list[str]], list[list[str]]]:
    threshold = least_trust(args.wrong_cost)
    described = {
        split: described_both_ways(
            _part(dataset, split, args),
            chain.overrides,
            args.mattes or args.work,
            args.work / "described",
        )
        for split in ("catalogue", "queries", "unseen")
    }
    held_out = {image.id for image in dataset.images("validation")}
    studio = [one for one in described["catalogue"] if one.image.id in held_out]
    photos = cross_fitted(described["queries"], studio)
    unseen, strange = _divided(described["unseen"])
    tasks = (
        Task("queries", photos, described["catalogue"]),
        Task("unseen", unseen, [*strange, *described["catalogue"]]),
    )
    truth = [
        _truth_row(f"{chain.name}: {name}", masks, threshold)
        for name, masks in (
            ("queries, in folds", photos),
            ("unseen, photos", unseen),
            ("unseen, studio", strange),
        )
    ]
    found = [row for one in tasks for row in _found(one, chain, threshold)]
    costs = [row for one in tasks for row in _costs(one, chain)]
    return truth, found, costs


def _part(dataset: Dataset, split: str, args: argparse.Namespace) -> list[DatasetImage]:
    images = dataset.images(split)
    return list(images[:: args.every] if split == "catalogue" else images)


def _divided(masks: Sequence[TwoWays]) -> tuple[list[TwoWays], list[TwoWays]]:
    photos = [one for one in masks if one.image.look == "phone"]
    return photos, [one for one in masks if one.image.look != "phone"]


def _truth_row(name: str, masks: Sequence[TwoWays], threshold: float) -> list[str]:
    """Masks that are not empty: the others are never used, and need no judging."""
    known = [one for one in masks if one.evidence is not None]
    right = np.array([one.iou >= CORRECT_IOU for one in known])
    trusts = np.array([one.trust for one in known])
    metrics, used = quality(trusts, right), trusts >= threshold
    shares = (used.mean(), _share(right[used]), _share(right[~used]))
    cells = (right.mean(), metrics["auroc"], metrics["ece"], *shares)
    return [name, str(len(known)), *(f"{float(cell):.3f}" for cell in cells)]


def _share(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _found(task: Task, chain: Chain, threshold: float) -> Iterator[list[str]]:
    rules: tuple[tuple[str, Uses, Chooses], ...] = (
        ("every mask", _always, _whole),
        ("every mask, contours calibrated", lambda one: one.trust >= threshold, _masked),
        ("calibrated, or its box", lambda one: one.trust >= threshold, _boxed),
        ("calibrated, or whole", lambda one: one.trust >= threshold, _whole),
        ("the truth, or its box", lambda one: one.iou >= CORRECT_IOU, _boxed),
        ("the truth, or whole", lambda one: one.iou >= CORRECT_IOU, _whole),
        ("every box", _never, _boxed),
        ("no mask", _never, _whole),
    )
    base: list[Outcome] = []
    for name, uses, otherwise in rules:
        outcomes = outcomes_of(
            task.photos, task.catalogue, chain.reranker, _either(uses, otherwise)
        )
        base = base or outcomes
        used = np.mean([uses(one) for one in task.photos])
        yield [f"{task.name}, {chain.name}, {name}", f"{used:.3f}", *_shares(outcomes, base)]


def _either(uses: Uses, otherwise: Chooses) -> Chooses:
    return lambda one: one.masked if uses(one) else otherwise(one)


def _always(one: TwoWays) -> bool:
    return True


def _never(one: TwoWays) -> bool:
    return False


def _whole(one: TwoWays) -> Description:
    return one.whole


def _masked(one: TwoWays) -> Description:
    """As by its mask, but for the contour: the flags of the whole keep that out."""
    return replace(one.masked, quality=one.whole.quality)


def _boxed(one: TwoWays) -> Description:
    """The mask's box with its background; the flags of the whole keep its contour out."""
    found = one.boxed or one.masked
    return replace(found, quality=one.whole.quality)


def _shares(outcomes: Sequence[Outcome], base: Sequence[Outcome]) -> list[str]:
    columns = zip(
        *(
            (o.product_at_1, o.product_at_5, o.family_at_1, o.family_at_5, o.reciprocal)
            for o in outcomes
        ),
        strict=True,
    )
    gains = [o.reciprocal - b.reciprocal for o, b in zip(outcomes, base, strict=True)]
    gain = bootstrap(gains, seed=SEED)
    change = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]" if any(gains) else "0"
    return [*(f"{np.mean(column):.3f}" for column in columns), change]


def _costs(task: Task, chain: Chain) -> Iterator[list[str]]:
    """The catalogue's masks are all used: the photos' alone are judged."""
    held = [replace(one, whole=one.masked) for one in task.catalogue]
    by_mask = outcomes_of(task.photos, held, chain.reranker, _either(_always, _whole))
    as_whole = outcomes_of(task.photos, held, chain.reranker, _either(_never, _whole))
    for name, wanted in (("right", True), ("wrong", False)):
        rows = [n for n, one in enumerate(task.photos) if (one.iou >= CORRECT_IOU) == wanted]
        masked = [by_mask[n].reciprocal for n in rows]
        whole = [as_whole[n].reciprocal for n in rows]
        gain = bootstrap([m - w for m, w in zip(masked, whole, strict=True)], seed=SEED)
        change = f"{gain.mean:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        cells = (f"{np.mean(masked):.3f}", f"{np.mean(whole):.3f}", change)
        yield [f"{task.name}, {chain.name}, {name}", str(len(rows)), *cells]


if __name__ == "__main__":
    sys.exit(main())

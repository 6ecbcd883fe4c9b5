"""Masks of hand-held products against judgements by eye: is what holds the wrong thing flagged?

    python benchmarks/mask_trust_judged.py --data GROCERYSTORE --packbench PACKBENCH
        [--set segment.name=u2net …] [--fit FILE.toml] [--search]

trust/judged.csv names 360 photos of GroceryStoreDataset's train/Packages, drawn by seed, and what
was seen of their masks by GrabCut and by U²-Netp: ok, hand (the mask holds it for a fifth or more),
part (a quarter or more of the product is missing, down to a cap), neighbour (other products) or
background. Every third photo of PACKBENCH joins them with its exact mask, so that what is learned
holds for other forms than cartons. The first table row is of the first draw of 200, "judged" held
out: products and families are halved, and each half is judged by a fit to all of the other.
Precision and recall are of "flagged" (below the threshold) for "not ok"; 95 % intervals keep a
product's photos together.

--fit writes a trust file fitted to all of them, as those in stages/trust/fitted/photos are.
--search finds the products of `train` (to choose by) and of `val` (to report) among the 31 studio
images, and of `val` among studio images and `train`, with the flagged masks' fallbacks; by the file
of --fit or the shipped one.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from trust.found import search_table

from engine.config import load
from engine.errors import PacksightError
from engine.images import ImageLimits
from engine.images import load as load_image
from engine.types import BoolArray, Float64Array, IntArray
from offline.datasets import DatasetImage, open_dataset
from offline.metrics.classification import auroc
from offline.metrics.masks import CORRECT_IOU
from offline.metrics.statistics import RESAMPLES, resampled
from offline.train.trust.samples import MaskSamples, mask_samples
from offline.train.trust.training import fit_trust
from stages.assemble import CuttingParts, assemble_cutting
from stages.profiles import read_profile
from stages.trust._features import columns, mask_features, row
from stages.trust._model import PHOTOS, Segmenter, TrustModel, fitting

JUDGED = Path(__file__).with_name("trust") / "judged.csv"
SPLIT = "train/Packages"
SEED = 16
RENDERED_SPLIT, RENDERED_STEP = "queries", 3
VERDICTS = ("ok", "hand", "part", "neighbour", "background")


@dataclass(frozen=True, eq=False)
class Judgements:
    """Masks that are not empty, and what was seen of them; ``rows``: (N, F).

    ``products``: of rendered photos their families. ``rendered`` ones are ok by their true masks,
    and have no verdict.
    """

    rows: Float64Array
    ok: BoolArray
    verdicts: tuple[str, ...]
    products: tuple[str, ...]
    drawn_first: BoolArray
    rendered: BoolArray

    def of(self, chosen: BoolArray) -> Judgements:
        kept = np.flatnonzero(chosen)
        return Judgements(
            self.rows[kept],
            self.ok[kept],
            tuple(self.verdicts[at] for at in kept),
            tuple(self.products[at] for at in kept),
            self.drawn_first[kept],
            self.rendered[kept],
        )


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        settings = load(read_profile("classic"), env={}, flags=args.overrides)
        parts = assemble_cutting(settings)
        name = "u2netp" if parts.segmenter.weights else parts.segmenter.name
        limits = ImageLimits.of(settings.images)
        judged = read_judged(args.data, name, parts, limits)
        judged = _together(judged, read_rendered(args.packbench, parts, limits))
        shipped = fitting(parts.segmenter)
        of_shipped = shipped.first.probability(judged.rows[:, columns(tuple(shipped.first.terms))])
        trusts = {"shipped": of_shipped, "judged": held_out(judged, parts)}
        print_table(name, judged, trusts, shipped.threshold)
        if args.fit is not None:
            args.fit.write_text(fit(judged, parts).text(), "utf-8")
        if args.search:
            chosen = PHOTOS if args.fit is None else str(args.fit)
            trust = ["trust.name=calibrated", f"trust.weights={chosen}"]
            print("\n" + search_table(args.data, settings, trust))
    except PacksightError as error:
        print(f"mask_trust_judged: {error}", file=sys.stderr)
        return 1
    return 0


def read_judged(data: Path, name: str, parts: CuttingParts, limits: ImageLimits) -> Judgements:
    """The judged photos of one segmenter, segmented again."""
    images = {image.id: image for image in open_dataset(data).images(SPLIT)}
    with JUDGED.open(encoding="utf-8", newline="") as lines:
        seen = [one for one in csv.DictReader(lines) if one["segmenter"] == name]
    found = [_features(images[one["image"]], parts, limits) for one in seen]
    kept = [at for at, features in enumerate(found) if features is not None]
    return Judgements(
        np.array([found[at] for at in kept], np.float64),
        np.array([seen[at]["verdict"] == "ok" for at in kept], np.bool_),
        tuple(seen[at]["verdict"] for at in kept),
        tuple(str(images[seen[at]["image"]].product) for at in kept),
        np.array([seen[at]["draw"] == "1" for at in kept], np.bool_),
        np.zeros(len(kept), np.bool_),
    )


def read_rendered(data: Path, parts: CuttingParts, limits: ImageLimits) -> Judgements:
    """Rendered photos; a mask is ok from the IoU at which it counts as correct elsewhere."""
    images = open_dataset(data).images(RENDERED_SPLIT)[::RENDERED_STEP]
    masks = mask_samples(images, parts.cutting.segmenter, limits=limits)
    none, every = np.zeros(len(masks), np.bool_), np.ones(len(masks), np.bool_)
    verdicts = ("",) * len(masks)
    return Judgements(masks.rows, masks.iou >= CORRECT_IOU, verdicts, masks.groups, none, every)


def _together(one: Judgements, other: Judgements) -> Judgements:
    return Judgements(
        np.concatenate([one.rows, other.rows]),
        np.concatenate([one.ok, other.ok]),
        one.verdicts + other.verdicts,
        one.products + other.products,
        np.concatenate([one.drawn_first, other.drawn_first]),
        np.concatenate([one.rendered, other.rendered]),
    )


def held_out(judged: Judgements, parts: CuttingParts) -> Float64Array:
    """(N,) trusts, each by a fit to the other half: of the judged products, and of the families."""
    random = np.random.default_rng(SEED)
    half = np.zeros(len(judged.rows), np.bool_)
    for part in (~judged.rendered, judged.rendered):
        names = np.unique([judged.products[at] for at in np.flatnonzero(part)])
        half |= part & np.isin(judged.products, random.permutation(names)[: len(names) // 2])
    trusts = np.zeros(len(half))
    for part in (half, ~half):
        trusts[part] = fit(judged.of(~part), parts).first.probability(judged.rows[part])
    return trusts


def fit(learned: Judgements, parts: CuttingParts) -> TrustModel:
    """A judgement stands for an IoU: 1 where the mask was ok, else 0."""
    masks = MaskSamples(learned.rows, None, learned.ok.astype(np.float64), learned.products)
    segmenter = Segmenter(
        name=parts.segmenter.name,
        weights=tuple(sorted(parts.segmenter.weights.values())),
        known_as=("u2netp",) if parts.segmenter.weights else (),
        options=parts.segmenter.options,
    )
    rendered = int(learned.rendered.sum())
    data = (
        f"{len(masks) - rendered} masks of GroceryStoreDataset {SPLIT}, judged by eye, "
        f"and {rendered} of rendered photos of packbench"
    )
    return fit_trust(masks, segmenter, data=data, seed=SEED)


def print_table(
    name: str, judged: Judgements, trusts: dict[str, Float64Array], threshold: float
) -> None:
    """Of the first draw, and of the rendered photos."""
    heads = ["masks of", "trust", "flagged", "precision", "recall", "AUROC"]
    print("| " + " | ".join([*heads, *(f"of {one}" for one in VERDICTS)]) + " |")
    print("|---|---|" + "--:|" * (len(heads) - 2 + len(VERDICTS)))
    for part, where in (("photos", judged.drawn_first), ("rendered", judged.rendered)):
        shown = judged.of(where)
        for words, every in trusts.items():
            found = every[where]
            flagged = found < threshold
            precision, recall = intervals(flagged, ~shown.ok, shown.products)
            quality = auroc(found[shown.ok], found[~shown.ok])
            cells = [f"{name}, {part}", words, f"{flagged.mean():.2f}", precision, recall]
            cells += [f"{quality:.3f}", *(_caught(flagged, shown.verdicts, v) for v in VERDICTS)]
            print("| " + " | ".join(cells) + " |")


def intervals(flagged: BoolArray, incorrect: BoolArray, products: Sequence[str]) -> tuple[str, str]:
    """Precision and recall in words; products are drawn with replacement."""
    hits = flagged & incorrect
    drawn = np.concatenate(
        list(resampled(len(hits), seed=SEED, resamples=RESAMPLES, clusters=products))
    )
    return (
        _ratio(hits, flagged, drawn),
        _ratio(hits, incorrect, drawn),
    )


def _features(image: DatasetImage, parts: CuttingParts, limits: ImageLimits) -> Float64Array | None:
    read = load_image(image.path, limits=limits)
    (matte,) = parts.cutting.masks([read])
    found = mask_features(read, matte)
    return None if found is None else row(found)


def _ratio(part: BoolArray, whole: BoolArray, drawn: IntArray) -> str:
    """sum(part) / sum(whole), with the interval over the draws (R, N)."""
    with np.errstate(invalid="ignore"):
        ratios = (drawn @ part) / (drawn @ whole)
    low, high = np.nanquantile(ratios, [0.025, 0.975])
    return f"{part.sum() / max(1, whole.sum()):.2f} [{low:.2f}, {high:.2f}]"


def _caught(flagged: BoolArray, verdicts: Sequence[str], verdict: str) -> str:
    of = np.array([one == verdict for one in verdicts])
    return f"{int(flagged[of].sum())}/{int(of.sum())}" if of.any() else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="GroceryStoreDataset")
    add("--packbench", type=Path, required=True, metavar="DIR", help="rendered photos with masks")
    add(
        "--fit",
        type=Path,
        metavar="FILE.toml",
        help="write a trust file fitted to all judged photos",
    )
    add("--search", action="store_true", help="also what is found with the fallbacks")
    add("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE")
    return parser


if __name__ == "__main__":
    sys.exit(main())

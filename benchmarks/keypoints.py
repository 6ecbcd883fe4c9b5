"""What print finds that vectors miss: photos of known products in a gallery with keypoints.

    python benchmarks/keypoints.py --gallery G --queries DATA [--split NAME] [--set KEY=VALUE]
        [--beside OTHER]

Every photo is described once and answered by vectors and contours alone; by keypoints alone, which
are compared with every image of the gallery; by both, as `packsight query` does; and by both with
``--exhaustive``. R@1 and MRR are of products, mAP of images; 95 % intervals over products, and the
difference to vectors alone. Milliseconds are of ranking, without describing. The same photos may be
answered by an OTHER gallery of the same products, described otherwise: its differences are to the
first gallery's answers of the same kind.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median

import numpy as np
from support.photos import images_of, known, with_interval
from support.tables import markdown

from engine.search import Searcher, group_by_product
from engine.types import Description, Hit, Record
from offline.calibration.answers import ProductIndex
from offline.store.images import cropped
from stages.open_searcher import open_searcher


@dataclass
class Answers:
    """A number a photo."""

    first: list[float] = field(default_factory=list)
    reciprocal: list[float] = field(default_factory=list)
    precision: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def add(self, hits: Sequence[Hit], product: str, relevant: int, seconds: float) -> None:
        """``hits``: images, best first; ``relevant``: how many the gallery has."""
        ranks = [hit.rank for hit in group_by_product(hits) if hit.record.product_id == product]
        places = np.flatnonzero([hit.record.product_id == product for hit in hits]) + 1
        precision = (np.arange(1, len(places) + 1) / places).sum() / relevant
        self.first.append(float(ranks == [1]))
        self.reciprocal.append(1 / ranks[0] if ranks else 0.0)
        self.precision.append(float(precision))
        self.seconds.append(seconds)

    def row(self, name: str, plain: Answers, products: Sequence[str]) -> list[str]:
        columns = [np.array(one) for one in (self.first, self.reciprocal, self.precision)]
        gained = columns[0] - np.array(plain.first)
        return [
            name,
            *(with_interval(column, products) for column in columns),
            "–" if self is plain else with_interval(gained, products, "+"),
            f"{1000 * median(self.seconds):.0f}",
        ]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    answers, products = _answered(args.gallery, args)
    rows = [one.row(name, answers["vectors"], products) for name, one in answers.items()]
    if args.beside is not None:
        others, same = _answered(args.beside, args)
        if same != products:
            raise SystemExit(f"{args.beside}: has other products than {args.gallery}")
        rows += [
            one.row(f"{args.beside.name}: {name}", answers[name], products)
            for name, one in others.items()
        ]
    print(markdown(("", "R@1", "MRR", "mAP of images", "Δ R@1", "ms"), rows))
    return 0


def _answered(gallery: Path, args: argparse.Namespace) -> tuple[dict[str, Answers], list[str]]:
    """By way of answering, and the products of the photos that the gallery knows."""
    with open_searcher(gallery, overrides=args.overrides) as opened:
        photos = known(images_of(args.queries, args.split), ProductIndex(opened.gallery))
        searcher = opened.searcher
        if searcher.describer.keypoints is None:
            raise SystemExit(f"{gallery}: has no keypoints")
        everything = opened.gallery.records([one.id for one in opened.gallery.sources()])
        plain = replace(searcher, describer=replace(searcher.describer, keypoints=None))
        whole = replace(searcher, query=searcher.query.model_copy(update={"exhaustive": True}))
        ways = {"vectors": plain, "both": searcher, "both, exhaustive": whole}
        answers = {name: Answers() for name in (*ways, "keypoints alone")}
        for photo, product in photos:
            image = cropped(opened.read(photo.path), photo)
            query = searcher.describe(image).description
            relevant = sum(one.product_id == product for one in everything)
            for name, one in ways.items():
                started = time.perf_counter()
                hits = one.rank(query, len(everything)).images
                answers[name].add(hits, product, relevant, time.perf_counter() - started)
            started = time.perf_counter()
            hits = _by_keypoints(searcher, query, everything)
            answers["keypoints alone"].add(hits, product, relevant, time.perf_counter() - started)
    products = [product for _, product in photos]
    print(
        f"{gallery}: {len(photos)} photos of {len(set(products))} products, {len(everything)} "
        f"images, {sum(map(_bytes, everything)) / len(everything):.0f} bytes of keypoints each\n"
    )
    return answers, products


def _by_keypoints(searcher: Searcher, query: Description, records: Sequence[Record]) -> list[Hit]:
    """All images by their matching places."""
    matcher = searcher.describer.keypoints
    assert matcher is not None and query.keypoints is not None
    theirs = [record.description.keypoints for record in records]
    none = replace(query.keypoints.as_stored(), stored=None)
    found = matcher.match(query.keypoints, [one if one is not None else none for one in theirs])
    places = [
        one.verify().inliers if one.at_most > matcher.least and had is not None else 0
        for one, had in zip(found, theirs, strict=True)
    ]
    order = np.argsort(-np.array(places), kind="stable")
    return [
        Hit(records[at], rank, float(places[at]), 0.0) for rank, at in enumerate(order, start=1)
    ]


def _bytes(record: Record) -> int:
    found = record.description.keypoints
    return 0 if found is None else len(found.to_bytes())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--beside", type=Path, help="another gallery of the same products")
    parser.add_argument("--queries", type=Path, required=True, help="photos of known products")
    parser.add_argument("--split", help="of --queries")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    return parser


if __name__ == "__main__":
    sys.exit(main())

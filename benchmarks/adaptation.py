"""What an adaptation brings to photos that it has not seen, and what it costs.

    python benchmarks/adaptation.py --gallery G --queries DATA [--split NAME]
        [--photos DATA --photos-split NAME [--unlabelled]] [--halves]

Photos of ``--queries`` whose products the gallery holds are answered as a user's, by the whole
chain: not adapted, then adapted to the catalogue alone, then with ``--photos`` too. R@1 and MRR are
of products, with 95 % intervals over products, and the difference to "not adapted". Below the
table: how long fitting, deriving the indexes and switching took, and what a query costs more. The
gallery is left as it was.

With ``--halves`` also products left out: vectors alone, fitted to the images and ``--photos`` of
half of the products, and judged by those of the other half, each side searching the other.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
from support.photos import images_of, known, with_interval
from support.tables import markdown

from engine.galleries import open_gallery
from engine.protocols import WritableGallery
from engine.types import Description
from offline.adapt.fit import Fit
from offline.adapt.gallery import adapt_gallery, report_lines
from offline.adapt.judging import Queries, Vectors, average_precisions, gain, queries_of
from offline.adapt.spaces import Space
from offline.adapt.vectors import product_numbers, read_vectors
from offline.calibration.answers import ProductIndex
from offline.datasets import DatasetImage
from offline.store.images import cropped
from stages.embed.joined import descriptors_of
from stages.open_searcher import OpenSearcher, searcher_over

DEPTH = 100  # products; a product beyond counts as not found


@dataclass(frozen=True, eq=False)
class Answers:
    """(Q,) ranks of the photographed products, 0 for not found, and seconds a query."""

    ranks: np.ndarray[tuple[int], np.dtype[np.int64]]
    seconds: list[float]

    @property
    def first(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return (self.ranks == 1).astype(np.float64)

    @property
    def reciprocal(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return np.where(self.ranks > 0, 1 / np.maximum(self.ranks, 1), 0.0)


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    with open_gallery(args.gallery, write=True) as gallery:
        before = gallery.adapted_by()
        index = ProductIndex(gallery)
        queries = known(images_of(args.queries, args.split), index)
        try:
            _measure(gallery, index, queries, args)
        finally:
            gallery.adapt_by(before)
    return 0


def _measure(
    gallery: WritableGallery,
    index: ProductIndex,
    queries: list[tuple[DatasetImage, str]],
    args: argparse.Namespace,
) -> None:
    opened = searcher_over(gallery)
    gallery.adapt_by(None)
    plain = _answers(opened, queries)
    variants = [("not adapted", plain)]
    notes = []
    given: list[tuple[str, Vectors | None]] = [("catalogue alone", None)]
    described: Sequence[Description] = ()
    if args.photos is not None:
        found = images_of(args.photos, args.photos_split)
        photos, described = _photos(opened, index, found, args.unlabelled)
        kind = "unlabelled photos" if args.unlabelled else "photos"
        given.append((f"with {len(photos)} {kind}", photos))
    for name, photos in given:
        started = time.perf_counter()
        joined = descriptors_of(opened.searcher.describer.embedder)
        contours = described if photos is not None else ()
        outcome = adapt_gallery(gallery, photos, descriptors=joined, described=contours)
        fitted = time.perf_counter() - started
        notes.append(f"{name}: fitted and switched in {fitted:.1f} s")
        notes += [f"  {line}" for line in report_lines(outcome.report)]
        if outcome.version is not None:
            gallery.adapt_by(None)
            started = time.perf_counter()
            gallery.adapt_by(outcome.version)
            notes.append(
                f"  switched back to in {time.perf_counter() - started:.1f} s, indexes too"
            )
        variants.append((name, _answers(opened, queries)))
        if args.halves and photos is not None:
            notes += _halves(gallery, photos, name)
    products = [product for _, product in queries]
    print(f"{len(queries)} photos of {len(set(products))} products, gallery of {len(gallery)}\n")
    head = ("", "R@1", "MRR", "Δ R@1", "Δ MRR", "ms a query, ratio")
    print(markdown(head, [_row(name, one, plain, products) for name, one in variants]))
    print("\n" + "\n".join(notes))


def _halves(gallery: WritableGallery, photos: Vectors, name: str) -> list[str]:
    """A line a half and direction."""
    _, images, _ = read_vectors(gallery, 0)
    known = photos.chosen(photos.products >= 0)
    mixed = np.random.default_rng(1).permutation(np.unique(images.products))
    lines = []
    for fitted_to in (mixed[::2], mixed[1::2]):
        mine = [np.isin(one.products, fitted_to) for one in (images, known)]
        own, given = images.chosen(mine[0]), known.chosen(mine[1])
        space = Fit(own, given, queries_of(own, given, 0)).run().space
        left_out = [images.chosen(~mine[0]), known.chosen(~mine[1])]
        for way, asked, held in (("photo to image", 1, 0), ("image to photo", 0, 1)):
            gained = _gained(space, left_out[asked], left_out[held])
            lines.append(f"  {name}, products left out, {way}: mean average precision {gained}")
    return lines


def _gained(space: Space | None, asked: Vectors, held: Vectors) -> str:
    asked = asked.chosen(np.isin(asked.products, held.products))
    none = np.full(len(asked), -1, np.int64)
    queries = Queries(asked, none, none)
    before = after = average_precisions(queries, asked.rows, held)
    if space is not None:
        after = average_precisions(queries, space.compared(asked).rows, space.compared(held))
    found = gain(after, before, queries, 0)
    interval = f"{found.mean:+.3f} [{found.low:+.3f}, {found.high:+.3f}]"
    return f"{before.mean():.3f} -> {after.mean():.3f}, {interval} of {len(asked)} queries"


def _row(name: str, one: Answers, plain: Answers, products: Sequence[str]) -> list[str]:
    ratio = median(one.seconds) / median(plain.seconds)
    return [
        name,
        with_interval(one.first, products),
        with_interval(one.reciprocal, products),
        "–" if one is plain else with_interval(one.first - plain.first, products, "+"),
        "–" if one is plain else with_interval(one.reciprocal - plain.reciprocal, products, "+"),
        f"{1000 * median(one.seconds):.0f}, {ratio:.2f}",
    ]


def _answers(opened: OpenSearcher, queries: list[tuple[DatasetImage, str]]) -> Answers:
    ranks, seconds = [], []
    for photo, product in queries:
        image = cropped(opened.read(photo.path), photo)
        started = time.perf_counter()
        query = opened.searcher.describe(image).description
        found = opened.searcher.rank(query, DEPTH).products
        seconds.append(time.perf_counter() - started)
        places = [hit.rank for hit in found if hit.record.product_id == product]
        ranks.append(places[0] if places and places[0] <= DEPTH else 0)
    return Answers(np.array(ranks, np.int64), seconds)


def _photos(
    opened: OpenSearcher, index: ProductIndex, photos: Sequence[DatasetImage], unlabelled: bool
) -> tuple[Vectors, list[Description]]:
    numbers = product_numbers(opened.gallery)
    descriptions, products = [], []
    for photo in photos:
        image = cropped(opened.read(photo.path), photo)
        (found,) = opened.searcher.describer.describe([image], ["x"])
        name = None if unlabelled else index.name_of(photo)
        descriptions.append(found.description)
        products.append(-1 if name is None else numbers[name])
    rows = np.stack([one.embedding.vector for one in descriptions])
    are_photos = np.ones(len(rows), np.bool_)
    return Vectors(rows, np.array(products, np.int64), are_photos), descriptions


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--gallery", type=Path, required=True)
    parser.add_argument("--queries", type=Path, required=True, help="photos of known products")
    parser.add_argument("--split", help="of --queries")
    parser.add_argument("--photos", type=Path, help="photos to adapt with")
    parser.add_argument("--photos-split", help="of --photos")
    parser.add_argument("--halves", action="store_true", help="products left out, too")
    parser.add_argument("--unlabelled", action="store_true", help="take no product from --photos")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""What a warm query costs outside the models, stage by stage, in a gallery of 10,000 images.

    python benchmarks/query_overhead.py [--images 10000] [--queries 200]

The two networks are stand-ins that answer at once; everything else is real and has the settings
of profile ``classic``: the JPEG is decoded, cut out, classified by the vote of its nearest
neighbours, outlined, routed, retrieved by exact search, its records are read from SQLite and
reranked by aligned contours. The vectors (1280 numbers, 15 categories, four views a product) are
drawn so that categories and products form clusters; silhouettes are made up.

How to read the table: milliseconds, median and 95th percentile over the queries, after a warm-up.
``outside the models`` is all but decoding, ``with decoding`` adds it (a 1200 x 1600 JPEG; it grows
with the photo). The processor time of all threads is what remains of it on a machine that is busy
with other things, and shows threads that only wait for each other. Two ways of routing: softly,
as shipped, and through all categories. Below, the same search by brute force in numpy, sorted in
Python, in the same run on the same queries: what the answer would cost with no index, no database
and no reranking. ``from the vector on`` leaves out the cutout and the contour, which grow with the
photo and not with the gallery, and is what compares with it.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from support.images import CATEGORIES, Photographer, jpeg
from support.numbers import Spread, milliseconds, spread
from support.stand_ins import ReadyMattes, ReadyVectors
from support.stopwatch import ProcessorStopwatch
from support.synthetic_gallery import Vectors, draw_vectors, fill
from support.tables import markdown

from engine.images import load
from engine.protocols import WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.search import Searcher
from engine.types import FloatArray, Matte
from stages.assemble import assemble
from stages.profiles import read_profile

DIMENSION = 1280  # MobileNetV2's, the smallest backbone of the catalogue
PHOTO = (1200, 1600)  # width, height
WARM_UP = 20
K = 10
MODELS = ("segment", "embed")
ON_PIXELS = ("cutout", "outline")


Stages = dict[str, list[float]]  # seconds of every query, by stage


@dataclass(frozen=True)
class Timing:
    """One way of routing: what its queries took on the clock and of the processor."""

    clock: Stages
    processor: Stages
    categories: float  # searched, on average

    def cells(self, name: str) -> list[str]:
        """Median and 95th percentile on the clock, median of the processor."""
        return _cells(self.clock[name], self.processor[name])

    def total_cells(self, *, decoding: bool) -> list[str]:
        return _cells(_outside(self.clock, decoding), _outside(self.processor, decoding))

    def total(self, *, images: bool) -> Spread:
        """On the clock, outside the models and decoding, with or without the work on pixels."""
        clock = {name: s for name, s in self.clock.items() if images or name not in ON_PIXELS}
        return spread(_outside(clock, decoding=False))


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    vectors = draw_vectors(
        args.images, args.queries + WARM_UP, dimension=args.dimension, seed=args.seed
    )
    photo = jpeg(Photographer(*PHOTO, seed=args.seed).shoot())
    with tempfile.TemporaryDirectory(prefix="packsight-overhead-") as folder:
        start = time.perf_counter()
        with fill(Path(folder, "gallery"), vectors, seed=args.seed) as gallery:
            print(f"{len(gallery)} images stored in {time.perf_counter() - start:.1f} s\n")
            soft = _measure(gallery, vectors, photo, None)
            everywhere = _measure(gallery, vectors, photo, tuple(gallery.categories()))
    brute = spread(_brute_force(vectors))
    print(_table(soft, everywhere))
    print()
    print(_comparison(soft, everywhere, brute))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, metavar="N")
    parser.add_argument("--queries", type=int, default=200, metavar="N")
    parser.add_argument("--dimension", type=int, default=DIMENSION, metavar="D")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _measure(
    gallery: WritableGallery, vectors: Vectors, photo: bytes, categories: Sequence[str] | None
) -> Timing:
    embedder = ReadyVectors(vectors.queries)
    searcher = _searcher(gallery, embedder)
    clock: Stages = {}
    processor: Stages = {}
    searched: list[int] = []
    for row in range(len(vectors.queries)):
        embedder.row = row
        watch = ProcessorStopwatch()
        with watch("load"):
            image = load(photo)
        answer = searcher.answer(image, K, categories, watch)
        if row >= WARM_UP:
            searched.append(len(answer.results.route.categories))
            _keep(watch.seconds, clock)
            _keep(watch.processor, processor)
    return Timing(clock, processor, float(np.mean(searched)))


def _keep(seconds: Mapping[str, float], stages: Stages) -> None:
    for name, value in seconds.items():
        stages.setdefault(name, []).append(value)


def _searcher(gallery: WritableGallery, embedder: ReadyVectors) -> Searcher:
    """Profile ``classic`` with stand-ins for what would be models in others."""
    settings = read_profile("classic")
    parts = assemble(settings, gallery=lambda: AdaptedNeighbours(gallery, "photo"))
    describer = replace(
        parts.describer,
        segmenter=ReadyMattes(_matte()),
        embedder=embedder,
        threads=1,  # stages one after the other, so that each has its own processor time
    )
    return Searcher(describer, gallery, parts.reranker, settings.route, normalised=True)


def _matte() -> Matte:
    """A body in the middle of the photo, as large as it is after decoding."""
    scale = 1024 / max(PHOTO)  # images.max_side as shipped
    width, height = round(PHOTO[0] * scale), round(PHOTO[1] * scale)
    plane = np.zeros((height, width), np.float32)
    middle, axes = (width // 2, height // 2), (width // 4, height // 3)
    cv2.ellipse(plane, middle, axes, 0, 0, 360, 1.0, -1)
    return Matte(plane)


def _brute_force(vectors: Vectors) -> list[float]:
    """Seconds a query: every distance by numpy, then Python's sort by (distance, number)."""
    seconds: list[float] = []
    for row, query in enumerate(vectors.queries):
        start = time.perf_counter()
        _nearest(vectors.gallery, query)
        if row >= WARM_UP:
            seconds.append(time.perf_counter() - start)
    return seconds


def _nearest(gallery: FloatArray, query: FloatArray) -> list[tuple[float, int]]:
    distances = np.linalg.norm(gallery - query, axis=1)
    ranked = sorted((value, number) for number, value in enumerate(distances.tolist()))
    return ranked[:K]


def _outside(stages: Stages, decoding: bool) -> list[float]:
    """Seconds of every query, all stages but the models', with or without decoding."""
    skipped = MODELS if decoding else (*MODELS, "load")
    kept = [values for name, values in stages.items() if name not in skipped]
    return [sum(query) for query in zip(*kept, strict=True)]


def _table(soft: Timing, everywhere: Timing) -> str:
    rows = [
        [name, *soft.cells(name), *everywhere.cells(name)]
        for name in soft.clock
        if name not in MODELS
    ]
    for title, decoding in (("outside the models", False), ("with decoding", True)):
        cells = (timing.total_cells(decoding=decoding) for timing in (soft, everywhere))
        rows.append([title, *(cell for total in cells for cell in total)])
    head = ["stage (ms)"]
    for timing, title in ((soft, "soft"), (everywhere, "all")):
        head += [f"{title}, {timing.categories:.1f} of {len(CATEGORIES)}", "p95", "processor"]
    return markdown(head, rows)


def _cells(clock: Sequence[float], processor: Sequence[float]) -> list[str]:
    times = spread(clock)
    return [milliseconds(value) for value in (times.median, times.p95, spread(processor).median)]


def _comparison(soft: Timing, everywhere: Timing, brute: Spread) -> str:
    totals = {
        "numpy brute force + Python sort": brute,
        "soft routing": soft.total(images=True),
        "all categories": everywhere.total(images=True),
        "soft routing, from the vector on": soft.total(images=False),
        "all categories, from the vector on": everywhere.total(images=False),
    }
    rows = [
        [
            title,
            milliseconds(total.median),
            milliseconds(total.p95),
            f"{total.median / brute.median:.2f}",
        ]
        for title, total in totals.items()
    ]
    return markdown(["whole query (ms)", "median", "p95", "ratio"], rows)


if __name__ == "__main__":
    sys.exit(main())

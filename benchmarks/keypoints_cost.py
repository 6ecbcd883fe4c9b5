"""What keypoints cost: a query with and without them and exhaustively, bytes an image, an ingest.

    OPENBLAS_NUM_THREADS=1 python benchmarks/keypoints_cost.py [--sizes 1000 100000]
        [--queries 30] [--photos FOLDER]

Galleries are made up: vectors and silhouettes of ``support.synthetic_gallery``, and 170 keypoints
an image of drawn descriptors, which lie about the shipped words as those of photos do: a few words
have most of them. Views of one product share 100 of theirs; a query has 600, of which 80 are its
product's, turned and shrunk. Categories are those of the label, so that a query that is routed
searches one of 15. How to read the tables:

* milliseconds of a query from its description on, the median over the queries: describing, with the
  detection of keypoints, grows with the photo alone. The ways run in turn for each query, so that
  what else the machine does falls on all alike; the processor's time of the process is beside it.
* a gallery of at most 500 images is compared one by one, see ``engine.exhaustive``: hence the row
  of 500 images.
* ``--photos``: a folder of images that is ingested with and without keypoints, one worker, no
  mattes kept; images a second.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from support.images import CATEGORIES, VIEWS
from support.label_keypoints import LabelKeypoints
from support.numbers import milliseconds, spread
from support.synthetic_gallery import Vectors, draw_vectors, fill
from support.tables import markdown

from engine.config import QuerySettings, load
from engine.galleries.local import LocalGallery
from engine.search import Searcher
from engine.types import CategoryScores, Embedding, FloatArray
from offline import ingest
from stages.assemble import assemble
from stages.profiles import read_profile

DIMENSION = 1280  # of MobileNetV2
K = 10
WARM_UP = 3
WAYS = ("without keypoints", "20 hits checked", "exhaustive")


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    cv2.setNumThreads(1)
    found = [_measured(size, args.queries, args.dimension, args.seed) for size in args.sizes]
    print(_query_table(found))
    print()
    print(_size_table(found))
    if args.photos is not None:
        print()
        print(_ingest_table(args.photos))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=(500, 1_000, 100_000), metavar="N")
    parser.add_argument("--queries", type=int, default=30, metavar="N")
    parser.add_argument("--dimension", type=int, default=DIMENSION, metavar="D")
    parser.add_argument("--photos", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1)
    return parser


@dataclass(frozen=True)
class _Measured:
    """Of one gallery: seconds of every query by way, on the clock and of the processor; how many
    found their product first; what lies on disk; how long the index of words took."""

    images: int
    clock: dict[str, list[float]]
    processor: dict[str, list[float]]
    first: dict[str, float]
    keypoint_bytes: float
    index_bytes: int
    database_bytes: int
    build_seconds: float


def _measured(size: int, queries: int, dimension: int, seed: int) -> _Measured:
    vectors = draw_vectors(size, queries + WARM_UP, dimension=dimension, seed=seed)
    labels = LabelKeypoints(seed)
    with tempfile.TemporaryDirectory(prefix="packsight-keypoints-") as folder:
        with fill(Path(folder, "g"), vectors, seed=seed, keypoints=labels.of_row) as gallery:
            gallery.build_indexes()
        with LocalGallery.open(Path(folder, "g"), write=True) as opened:
            searchers = _searchers(opened)
            matcher = searchers[WAYS[1]].describer.keypoints
            assert matcher is not None
            start = time.perf_counter()
            opened.build_indexes(matcher)
            built = time.perf_counter() - start
            clock, processor, first = _timed(searchers, vectors, labels)
        files = [path for path in Path(folder, "g", "indexes").iterdir() if path.suffix == ".words"]
        stored = [len(labels.of_row(row).to_bytes()) for row in range(min(size, 50))]
        return _Measured(
            size,
            clock,
            processor,
            first,
            float(np.mean(stored)),
            sum(path.stat().st_size for path in files),
            Path(folder, "g", "gallery.sqlite").stat().st_size,
            built,
        )


def _searchers(gallery: LocalGallery) -> dict[str, Searcher]:
    settings = load(read_profile("classic"), env={}, flags=["runtime.threads=1"])
    parts = assemble(settings)
    compared = Searcher(parts.describer, gallery, parts.reranker, settings.route, normalised=True)
    plain = replace(compared, describer=replace(parts.describer, keypoints=None))
    whole = replace(compared, query=QuerySettings(exhaustive=True))
    return dict(zip(WAYS, (plain, compared, whole), strict=True))


def _timed(
    searchers: dict[str, Searcher], vectors: Vectors, labels: LabelKeypoints
) -> tuple[dict[str, list[float]], dict[str, list[float]], dict[str, float]]:
    clock: dict[str, list[float]] = {way: [] for way in WAYS}
    processor: dict[str, list[float]] = {way: [] for way in WAYS}
    right = dict.fromkeys(WAYS, 0)
    gallery = next(iter(searchers.values())).gallery
    (record,) = gallery.records(gallery.image_ids(None, 1))
    for number, vector in enumerate(vectors.queries):
        product = _nearest_product(vectors, vector)
        query = replace(
            record.description,
            scores=CategoryScores.certain(CATEGORIES[product % len(CATEGORIES)]),
            embedding=Embedding(vector.copy()),
            keypoints=labels.asked(product, number),
        )
        for way, searcher in searchers.items():
            start, used = time.perf_counter(), time.process_time()
            ranked = searcher.rank(query, K)
            seconds = time.perf_counter() - start, time.process_time() - used
            if number >= WARM_UP:
                clock[way].append(seconds[0])
                processor[way].append(seconds[1])
                right[way] += ranked.products[0].record.product_id == f"product-{product:05}"
    count = len(vectors.queries) - WARM_UP
    return clock, processor, {way: found / count for way, found in right.items()}


def _nearest_product(vectors: Vectors, query: FloatArray) -> int:
    return int((vectors.gallery @ query).argmax()) // VIEWS


def _query_table(found: Sequence[_Measured]) -> str:
    head = ["images", *(f"{way}, ms" for way in WAYS), "processor", "to without", "right first"]
    rows = []
    for one in found:
        medians = [spread(one.clock[way]).median for way in WAYS]
        used = [milliseconds(spread(one.processor[way]).median) for way in WAYS]
        rows.append(
            [
                f"{one.images:,}",
                *map(milliseconds, medians),
                " / ".join(used),
                " / ".join(f"{value / medians[0]:.1f}" for value in medians[1:]),
                " / ".join(f"{one.first[way]:.2f}" for way in WAYS),
            ]
        )
    return markdown(head, rows)


def _size_table(found: Sequence[_Measured]) -> str:
    head = [
        "images",
        "keypoints, bytes an image",
        "index of words, bytes an image",
        "database, bytes an image",
        "index of words, s to derive",
        "images a second",
    ]
    rows = [
        [
            f"{one.images:,}",
            f"{one.keypoint_bytes:,.0f}",
            f"{one.index_bytes / one.images:,.0f}",
            f"{one.database_bytes / one.images:,.0f}",
            f"{one.build_seconds:.2f}",
            f"{one.images / one.build_seconds:,.0f}",
        ]
        for one in found
    ]
    return markdown(head, rows)


def _ingest_table(photos: Path) -> str:
    rows = []
    common = ["runtime.threads=1", "runtime.mattes_gb=0", "adapt.auto=false"]
    with tempfile.TemporaryDirectory(prefix="packsight-keypoints-") as folder:
        for name in ("none", "sift"):
            report = ingest(
                photos,
                Path(folder, name),
                overrides=[*common, f"keypoints.name={name}"],
                workers=1,
            )
            detecting = report.seconds.get("keypoints", 0.0)
            rows.append((name, report.images, report.total_seconds, report.cpu_seconds, detecting))
    base = rows[0]
    head = ["keypoints", "images", "images/s", "processor, s", "detecting, ms an image", "ratio"]
    return markdown(
        head,
        [
            [
                name,
                str(images),
                f"{images / seconds:.2f}",
                f"{used:.1f}",
                f"{1000 * detecting / images:.1f}",
                f"{(images / seconds) / (base[1] / base[2]):.2f}",
            ]
            for name, images, seconds, used, detecting in rows
        ],
    )


if __name__ == "__main__":
    sys.exit(main())

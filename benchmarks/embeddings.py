"""Which descriptor finds most: backbone, pooling, views, scales and whitening, side by side.

    python benchmarks/embeddings.py --data DIR --cache DIR --backbone NAME=FILE.onnx \\
        [--set segment.name=u2net --set segment.weights=u2netp.onnx]

Images are cut out once (`crop`), a backbone runs once an image, view and scale, and every row of
the table reads its maps. Whitening is fitted to the training split alone. How to read the table:

* seen: crop is the mask's box with its background, on white the same with the background painted
  white, both the two joined.
* whitening: Lw is learned from pairs of images of one product, PCAw needs no labels; the number
  is how many dimensions are kept.
* D: numbers a vector. ms: one cutout through the embedder, median, all embedders in turn.
* R@1, R@5: the correct product among the first 1, 5 images; P@10, mAP, MRR: as in
  docs/benchmarks.md. Queries that nothing answers are left out.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from descriptors.filling import fill, hashed, sharing_backbones
from descriptors.kinds import Descriptor, of_backbone, traditional
from descriptors.whitened import Learned, Way, whitenings
from support.retrieval import answer, parser_of
from support.tables import markdown

from engine.config import Settings, load
from engine.errors import ConfigError
from engine.images import ImageLimits
from engine.types import FloatArray
from offline.datasets import DatasetImage, RetrievalTask, open_dataset
from offline.evaluate.benchmark.measure import answerable, measure_vectors
from offline.metrics.statistics import bootstrap_columns
from offline.store.cutouts import CutoutCache
from offline.store.vectors import features
from packsight.commands._terminal import bar
from stages.assemble import EmbeddingParts, assemble_embedding

MEASURES = ("R@1", "R@5", "P@10", "mAP", "MRR")
TIMED = 24  # photos
WAYS = [
    Way("PCAw 256", "pca", 256),
    Way("PCAw 128", "pca", 128),
    Way("Lw all", "learned", None),
    Way("Lw 512", "learned", 512),
    Way("Lw 256", "learned", 256),
    Way("Lw 128", "learned", 128),
]


@dataclass(frozen=True)
class Row:
    """Of the table and of the JSON; ``per_query`` (Q, M) as lists."""

    protocol: str
    descriptor: str
    whitening: str
    dimension: int
    ms: float
    figures: dict[str, list[float]]  # mean, low, high
    per_query: list[list[float]]


def main(arguments: Sequence[str] | None = None) -> int:
    return answer(_parser(), _report, arguments)


def _report(args: argparse.Namespace) -> str:
    rows = _measure(args)
    if args.json:
        args.json.write_text(json.dumps([vars(row) for row in rows]), "utf-8")
    return _table(rows, args.full)


def _measure(args: argparse.Namespace) -> list[Row]:
    dataset = open_dataset(args.data)
    settings = load(Settings(), env={}, flags=["cutout.name=crop", *args.overrides])
    kinds = [d for backbone in args.backbone for d in of_backbone(*backbone.split("=", 1))]
    kinds += list(traditional()) if args.traditional else []
    kinds = [kind for kind in kinds if args.only in kind.name]
    if not kinds:
        raise ConfigError(
            f"--only {args.only!r}: no descriptor is called so.",
            remedy="Leave it out to see their names, and give a --backbone or --traditional.",
        )
    parts = sharing_backbones([assemble_embedding(kind.settings(settings)) for kind in kinds])
    tasks = [answerable(dataset.retrieval(name)) for name in args.protocol]
    learned = dataset.images(args.learn)
    images = [*learned, *(p for task in tasks for p in (*task.queries, *task.gallery))]
    samples = [hashed(image) for image in {p.id: p for p in images}.values()]
    with bar("embedding", show=not args.quiet) as progress:
        fill(samples, parts, args.cache, progress)
    rows: list[Row] = []
    times = _times(parts, tasks[0].queries, args.cache)
    for kind, one, ms in zip(kinds, parts, times, strict=True):
        rows += _rows(kind, one, ms, learned, tasks, args.cache)
    return rows


def _rows(
    kind: Descriptor,
    parts: EmbeddingParts,
    ms: float,
    learned: Sequence[DatasetImage],
    tasks: Sequence[RetrievalTask],
    cache: Path,
) -> list[Row]:
    rows_of = {}
    for task in tasks:
        queries, gallery = (features(side, parts, cache) for side in (task.queries, task.gallery))
        rows_of[task.name] = (queries.values, gallery.values)
    values = features(learned, parts, cache).values
    products = tuple(f"{p.category}/{p.product}" for p in learned)
    rows = []
    for way, fitted in whitenings(Learned(values, products), WAYS):
        for task in tasks:
            both = rows_of[task.name]
            if fitted is not None:
                both = (fitted.project(both[0]), fitted.project(both[1]))
            rows.append(_row(task, kind, way, both, ms))
    return rows


def _row(
    task: RetrievalTask,
    kind: Descriptor,
    way: Way,
    both: tuple[FloatArray, FloatArray],
    ms: float,
) -> Row:
    values = measure_vectors(task, *both, MEASURES)
    intervals = bootstrap_columns(values, seed=0)
    figures = {
        name: [interval.mean, interval.low, interval.high]
        for name, interval in zip(MEASURES, intervals, strict=True)
    }
    return Row(task.name, kind.name, way.name, both[0].shape[1], ms, figures, values.tolist())


def _times(
    parts: Sequence[EmbeddingParts], images: Sequence[DatasetImage], cache: Path
) -> list[float]:
    """Median milliseconds of one cutout through each embedder; all of them in turn, so that what
    else the machine does falls on all alike."""
    samples = [hashed(image) for image in images[:TIMED]]
    first = parts[0]
    kept = CutoutCache(cache, first.cutting_fingerprint, ImageLimits.of(first.settings.images))
    cutouts, _ = kept.fill(samples, first.cutting, first.threads)
    fresh = [assemble_embedding(one.settings).embedder for one in parts]  # remember nothing
    taken: list[list[float]] = [[] for _ in fresh]
    for row in cutouts.positions(samples):
        cutout = cutouts.cutout(row)
        for embedder, times in zip(fresh, taken, strict=True):
            start = time.perf_counter()
            embedder.embed([cutout])
            times.append(time.perf_counter() - start)
    return [float(np.median(times) * 1000) for times in taken]


def _table(rows: Sequence[Row], full: bool) -> str:
    """A table a protocol."""
    head = ("descriptor", "whitening", "D", "ms", *MEASURES)
    texts = []
    for protocol in dict.fromkeys(row.protocol for row in rows):
        lines = [_line(row, full) for row in rows if row.protocol == protocol]
        texts.append(f"### {protocol}\n\n{markdown(head, lines)}")
    return "\n\n".join(texts)


def _line(row: Row, full: bool) -> list[str]:
    figures = [
        f"{mean:.3f} [{low:.3f}, {high:.3f}]" if full else f"{mean:.3f}"
        for mean, low, high in row.figures.values()
    ]
    return [row.descriptor, row.whitening, str(row.dimension), f"{row.ms:.1f}", *figures]


def _parser() -> argparse.ArgumentParser:
    parser = parser_of(__doc__)
    add = parser.add_argument
    add("--backbone", action="append", default=[], metavar="NAME=FILE", help="repeatable")
    add("--only", default="", metavar="TEXT", help="descriptors with this in their name")
    add("--traditional", action="store_true", help="the handcrafted embedder too")
    add("--protocol", action="append", default=[], metavar="NAME", help="of the data set")
    add("--learn", default="train", metavar="SPLIT", help="whitening is fitted to it")
    add("--json", type=Path, metavar="FILE", help="all values, query by query")
    add("--full", action="store_true", help="with 95 %% intervals")
    add("--quiet", action="store_true")
    return parser


if __name__ == "__main__":
    sys.exit(main())

"""A whole query, from the photo's file to its hits, by several pipelines side by side.

    python benchmarks/whole_query.py [--images 10000] [--u2netp FILE --backbone FILE]
        [--work DIR]

The pipelines are profile ``compact``, profile ``classic`` and, where its two files are given,
U²-Netp with MobileNetV2: ``classic`` with a saliency network's masks and another network's vectors.
Each ingests the same images, those of Packbench ``tiny`` unless ``--catalogue`` names others. Their
descriptions are multiplied to a gallery of ``--images`` (``support.multiplied_gallery``), which is
adapted to its catalogue as an ingest does it. A copied product has nearly the print of its
original: most of the hits that are checked do match, which is the slow case.

How to read the tables:

* query: milliseconds from the file to ten hits, median and 95th percentile of all photos and rounds
  after one query to warm up; ``processor`` is what all threads of the process spent, which remains
  of it on a busy machine. The pipelines take turns photo by photo, in another order every time.
* ratio: of the same photo in the same round, by processor time: median [5th, 95th percentile].
* peak: the most that a process held which opened the gallery and searched for all photos, each
  pipeline in a fresh one; shared libraries count.
* ingest: images a second on the clock and a second of the processor, the best of ``--rounds``
  that take turns; without the adaptation, and no mask is taken from the store of mattes.
* stages: the median wall-clock milliseconds of each.

``--work`` keeps the large galleries, and takes those that are there.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import numpy as np
from support.multiplied_gallery import multiply
from support.numbers import milliseconds, spread
from support.processes import machine_time
from support.tables import markdown

from engine.errors import PacksightError
from engine.timings import Stopwatch
from offline import ingest
from offline.adapt.gallery import adapt_where_due
from offline.datasets import open_dataset
from offline.datasets.registry import dataset_folder
from stages.embed.joined import descriptors_of
from stages.open_searcher import OpenSearcher, open_searcher, searcher_over

Turn = TypeVar("Turn")

DATA = "packbench-tiny"
K = 10
MIB = 2**20
NETWORKS = "U²-Netp + MobileNetV2"
# A process that does nothing else; what it prints is the most that it held, in bytes.
_PROGRAM = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])
from offline.evaluate.efficiency.memory import peak_bytes
from stages.open_searcher import open_searcher
gallery, threads, *photos = sys.argv[2:]
with open_searcher(gallery, overrides=[f"runtime.threads={threads}"]) as opened:
    for photo in photos:
        opened.search(photo)
print(peak_bytes())
"""


@dataclass
class Pipeline:
    """Its settings, and what was measured of it; seconds, bytes."""

    name: str
    profile: str
    overrides: tuple[str, ...] = ()
    clock: list[float] = field(default_factory=list)  # of every photo in every round
    processor: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    ingests: list[tuple[float, float]] = field(default_factory=list)  # images a second of both
    peak: int = 0


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    pipelines = [Pipeline("compact", "compact"), Pipeline("classic", "classic")]
    if args.u2netp and args.backbone:
        masks = ("segment.name=u2net", f"segment.weights={args.u2netp}")
        vectors = ("embed.name=onnx", f"embed.weights={args.backbone}")
        pipelines.append(Pipeline(NETWORKS, "classic", (*masks, *vectors)))
    with tempfile.TemporaryDirectory(prefix="packsight-query-") as scratch:
        try:
            _measure(pipelines, args, Path(scratch))
        except PacksightError as error:
            print(f"whole_query: {error}", file=sys.stderr)
            return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, metavar="N", help="in the gallery")
    parser.add_argument("--catalogue", type=Path, metavar="FOLDER", help="images to multiply")
    parser.add_argument("--queries", type=int, default=45, metavar="N", help="phone photos")
    parser.add_argument("--rounds", type=int, default=2, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--u2netp", type=Path, metavar="FILE")
    parser.add_argument("--backbone", type=Path, metavar="FILE", help="by packsight weights export")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where large ones are kept")
    parser.add_argument("--seed", type=int, default=1)
    return parser


def _measure(pipelines: Sequence[Pipeline], args: argparse.Namespace, scratch: Path) -> None:
    catalogue = args.catalogue or dataset_folder(DATA) / "catalogue"
    photos = [image.path for image in open_dataset(DATA).images("queries")][: args.queries]
    small = [scratch / f"small-{at}" for at in range(len(pipelines))]
    large = [(args.work or scratch) / f"{args.images}-{at}" for at in range(len(pipelines))]
    for turn in range(args.rounds):
        for pipeline, gallery in _in_turn(list(zip(pipelines, small, strict=True)), turn):
            shutil.rmtree(gallery, ignore_errors=True)
            _ingest(pipeline, catalogue, gallery, args.threads)
    for few, gallery in zip(small, large, strict=True):
        if not gallery.exists():
            _multiplied(few, gallery, args)
    before = machine_time()
    _time(pipelines, large, photos, args)
    machine = machine_time().since(before)
    for pipeline, gallery in zip(pipelines, large, strict=True):
        pipeline.peak = _peak(gallery, photos, args.threads)
    print(
        f"{args.images:,} images, {len(photos)} photos, {args.rounds} rounds, {args.threads} "
        f"threads; {machine.busy / (machine.busy + machine.idle):.0%} of {os.cpu_count()} cores "
        f"were busy while photos were timed, by all processes together\n"
    )
    print(_table(pipelines))
    print()
    print(_stage_table(pipelines))


def _in_turn(items: Sequence[Turn], turn: int) -> list[Turn]:
    """The same, another one first every time."""
    first = turn % len(items)
    return [*items[first:], *items[:first]]


def _ingest(pipeline: Pipeline, catalogue: Path, gallery: Path, threads: int) -> None:
    report = ingest(
        catalogue,
        gallery,
        profile=pipeline.profile,
        overrides=[*pipeline.overrides, f"runtime.threads={threads}", "runtime.mattes_gb=0"],
        adapt=False,
    )
    seconds = report.total_seconds, report.cpu_seconds
    pipeline.ingests.append((report.described / seconds[0], report.described / seconds[1]))


def _multiplied(small: Path, folder: Path, args: argparse.Namespace) -> None:
    """At its place when it is whole."""
    making = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    with multiply(small, making, args.images, seed=args.seed) as gallery:
        opened = searcher_over(gallery, overrides=[f"runtime.threads={args.threads}"])
        joined = descriptors_of(opened.searcher.describer.embedder)
        adapt_where_due(gallery, joined, lambda: opened.searcher)
    making.rename(folder)


def _time(
    pipelines: Sequence[Pipeline],
    galleries: Sequence[Path],
    photos: Sequence[Path],
    args: argparse.Namespace,
) -> None:
    threads = [f"runtime.threads={args.threads}"]
    with ExitStack() as stack:
        opened = [
            stack.enter_context(open_searcher(gallery, overrides=threads)) for gallery in galleries
        ]
        pairs = list(zip(pipelines, opened, strict=True))
        for _, one in pairs:
            one.search(photos[0], K)
        turn = 0
        for _ in range(args.rounds):
            for photo in photos:
                for pipeline, one in _in_turn(pairs, turn):
                    _query(pipeline, one, photo)
                turn += 1


def _query(pipeline: Pipeline, opened: OpenSearcher, photo: Path) -> None:
    watch = Stopwatch()
    start, used = time.perf_counter(), time.process_time()
    with watch("load"):
        image = opened.read(photo)
    opened.searcher.answer(image, K, watch=watch)
    pipeline.clock.append(time.perf_counter() - start)
    pipeline.processor.append(time.process_time() - used)
    for name, seconds in watch.seconds.items():
        pipeline.stages.setdefault(name, []).append(seconds)


def _peak(gallery: Path, photos: Sequence[Path], threads: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, json.dumps(sys.path), gallery, str(threads), *photos],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _table(pipelines: Sequence[Pipeline]) -> str:
    others = pipelines[1:]
    head = ["pipeline", "query, ms", "p95", "processor, ms"]
    head += [f"ratio to {other.name}" for other in others]
    head += ["peak, MiB", "ingest, images/s", "a processor second"]
    rows = []
    for one in pipelines:
        clock = spread(one.clock)
        rows.append(
            [
                one.name,
                milliseconds(clock.median),
                milliseconds(clock.p95),
                milliseconds(spread(one.processor).median),
                *(_ratio(one, other) for other in others),
                f"{one.peak / MIB:.0f}",
                *(f"{max(rates):.1f}" for rates in zip(*one.ingests, strict=True)),
            ]
        )
    return markdown(head, rows)


def _ratio(one: Pipeline, other: Pipeline) -> str:
    ratios = np.asarray(one.processor) / np.asarray(other.processor)
    low, median, high = np.percentile(ratios, [5, 50, 95])
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def _stage_table(pipelines: Sequence[Pipeline]) -> str:
    stages = dict.fromkeys(name for one in pipelines for name in one.stages)
    rows = [
        [
            name,
            *(milliseconds(spread(one.stages.get(name, [0.0])).median) for one in pipelines),
        ]
        for name in stages
    ]
    return markdown(["stage (ms)", *(one.name for one in pipelines)], rows)


if __name__ == "__main__":
    sys.exit(main())

"""One query, from the photo's file to its hits: stages by profile, precision and runtime.

    python benchmarks/latency.py [--images 10000] [--photos 45] [--rounds 3] [--work DIR]
        [--side PIXELS [--grain LEVELS]] [--paper DIR] [--way LABEL PROFILE KEY=VALUE ...]

Profiles ``compact`` and ``classic``; ``--paper``: also ``paper``, whose three networks of true size
and random weights are made in that folder (extra ``train``), and in int8 as they are laid out for
each runtime; ``--way`` (may be repeated): another precision or any other settings. Each
runs by every runtime that is installed. All have Packbench ``tiny`` as their catalogue
(``paper`` twelve of its images), multiplied to ``--images`` (``support.multiplied_gallery``) and
adapted as an ingest does it. A copied product has nearly the print of its original: most of the
hits that are checked do match, which is the slow case. ``--work`` keeps the galleries, and takes
those that are there. The photos of ``tiny`` are 192 pixels long; ``--side`` enlarges them, as a
phone's are read at 1024, and ``--side 4032 --grain 4`` makes most of them photos of 12 megapixels
and some 2 MB: bytes are what takes time to decode.

How to read the tables: the ways take turns photo by photo, in another order every time, after one
photo to warm up. ``query``: milliseconds on the clock, median and 95th percentile; ``cpu``: what
all threads of the process spent, which remains of it on a busy machine. Ratios are of the same
photo in the same round, to the first row of that profile: median [5th, 95th percentile].
``peak``: the most that a process held which opened the gallery and searched for all photos; shared
libraries count. Stages: medians on the clock; those that do not depend on each other run at once,
and add up to more than the query.
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
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image
from support.multiplied_gallery import multiply
from support.numbers import milliseconds, spread
from support.paper_networks import INT8, make_paper_networks, paper_settings
from support.tables import markdown

from engine.errors import PacksightError
from engine.machine import Backend
from engine.timings import Stopwatch
from offline import ingest
from offline.adapt.gallery import adapt_where_due
from offline.datasets import open_dataset
from offline.datasets.registry import dataset_folder
from stages.embed.joined import descriptors_of
from stages.open_searcher import OpenSearcher, open_searcher, searcher_over

DATA = "packbench-tiny"
MIB = 2**20
# A process that does nothing else; what it prints is the most that it held, in bytes.
_PROGRAM = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])
from offline.evaluate.efficiency.memory import peak_bytes
from stages.open_searcher import open_searcher
gallery, flags, *photos = sys.argv[2:]
with open_searcher(gallery, overrides=json.loads(flags)) as opened:
    for photo in photos:
        opened.search(photo)
print(peak_bytes())
"""
K = 10
PAPER_IMAGES = 12


@dataclass(frozen=True)
class Way:
    """Settings that describe a gallery, and so its queries."""

    label: str
    profile: str
    settings: tuple[str, ...] = ()
    runtime: Backend | None = None  # None: every one that is installed


CLASSIC = Way("classic", "classic")  # it has no network


@dataclass
class Timed:
    """A way by one runtime; seconds, one of every photo in every round."""

    way: Way
    runtime: str
    clock: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)
    stages: dict[str, list[float]] = field(default_factory=dict)
    peak: int = 0  # bytes

    @property
    def name(self) -> str:
        return f"{self.way.label}, {self.runtime}"


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    try:
        ways = _ways(args)
        with tempfile.TemporaryDirectory(prefix="packsight-latency-") as scratch:
            found = _measure(ways, args, args.work or Path(scratch))
    except PacksightError as error:
        print(f"latency: {error}", file=sys.stderr)
        return 1
    print(f"{_table(found)}\n\n{_stage_table(found)}")
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(
        f"\n{args.images:,} images, {args.photos} photos, {args.rounds} rounds, {args.threads} "
        f"threads; load of the machine {load}"
    )
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=10_000, metavar="N", help="in the gallery")
    parser.add_argument("--photos", type=int, default=45, metavar="N")
    parser.add_argument("--side", type=int, metavar="PIXELS", help="longer side of the photos")
    parser.add_argument("--grain", type=float, default=0, metavar="LEVELS", help="of 255")
    parser.add_argument("--rounds", type=int, default=3, metavar="N")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--work", type=Path, metavar="DIR", help="where galleries are kept")
    parser.add_argument("--paper", type=Path, metavar="DIR")
    parser.add_argument("--way", nargs="+", action="append", default=[], metavar="LABEL PROFILE")
    parser.add_argument("--only", nargs="+", metavar="LABEL", help="of all ways these")
    return parser


def _ways(args: argparse.Namespace) -> list[Way]:
    ways = [Way("compact", "compact"), CLASSIC]
    if args.paper is not None:
        make_paper_networks(args.paper)
        ways.append(Way("paper", "paper", tuple(paper_settings(args.paper))))
        for runtime, suffix in INT8.items():
            settings = tuple(paper_settings(args.paper, suffix))
            ways.append(Way(f"paper{suffix}", "paper", settings, runtime))
    ways += [Way(label, profile, tuple(settings)) for label, profile, *settings in args.way]
    return [way for way in ways if args.only is None or way.label in args.only]


def _enlarged(photos: Sequence[Path], folder: Path, side: int, grain: float) -> list[Path]:
    """``grain``: its standard deviation, in levels of 255, alike in the three colours."""
    folder.mkdir(parents=True, exist_ok=True)
    made = [folder / f"{number}.jpg" for number in range(len(photos))]
    random = np.random.default_rng(0)
    for photo, path in zip(photos, made, strict=True):
        with Image.open(photo) as image:
            scale = side / max(image.size)
            size = round(image.width * scale), round(image.height * scale)
            larger = np.array(image.resize(size, Image.Resampling.BICUBIC), np.float32)
        if grain:
            larger += random.normal(0, grain, (*larger.shape[:2], 1)).astype(np.float32)
        Image.fromarray(larger.clip(0, 255).astype(np.uint8)).save(path, quality=90)
    return made


def _measure(ways: Sequence[Way], args: argparse.Namespace, work: Path) -> list[Timed]:
    photos = [image.path for image in open_dataset(DATA).images("queries")][: args.photos]
    if args.side:
        photos = _enlarged(photos, work / f"photos-{args.side}", args.side, args.grain)
    runtimes = ["onnxruntime", *(["openvino"] if find_spec("openvino") else [])]
    threads = f"runtime.threads={args.threads}"
    found: list[tuple[Timed, OpenSearcher]] = []
    with ExitStack() as stack:
        for way in ways:
            if way.runtime is not None and way.runtime not in runtimes:
                continue
            gallery = _gallery(way, args, work)
            chosen = runtimes[:1] if way == CLASSIC else runtimes
            for runtime in chosen if way.runtime is None else [way.runtime]:
                flags = [threads, f"runtime.backend={runtime}", "runtime.mattes_gb=0"]
                opened = stack.enter_context(open_searcher(gallery, overrides=flags))
                peak = _peak(gallery, flags, photos)
                found.append((Timed(way, runtime, peak=peak), opened))
                opened.search(photos[0], K)
        for turn in range(args.rounds):
            for at, photo in enumerate(photos):
                first = (turn + at) % len(found)
                for timed, opened in [*found[first:], *found[:first]]:
                    _query(timed, opened, photo)
    return [timed for timed, _ in found]


def _peak(gallery: Path, flags: Sequence[str], photos: Sequence[Path]) -> int:
    given = [json.dumps(sys.path), gallery, json.dumps(flags), *photos]
    command = [sys.executable, "-c", _PROGRAM, *given]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return int(done.stdout)


def _gallery(way: Way, args: argparse.Namespace, work: Path) -> Path:
    """Whole where it is there."""
    folder = work / f"{args.images}-{way.label.replace(' ', '-')}"
    if folder.exists():
        return folder
    making = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(making, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="packsight-latency-") as scratch:
        small, threads = Path(scratch, "small"), f"runtime.threads={args.threads}"
        flags = [*way.settings, threads]
        catalogue = _catalogue(way, Path(scratch))
        ingest(catalogue, small, profile=way.profile, overrides=flags, adapt=False)
        with multiply(small, making, args.images, seed=1) as gallery:
            if way.profile != "paper":
                opened = searcher_over(gallery, overrides=[threads])
                joined = descriptors_of(opened.searcher.describer.embedder)
                adapt_where_due(gallery, joined, lambda: opened.searcher)
    making.rename(folder)
    return folder


def _catalogue(way: Way, scratch: Path) -> Path:
    """Of all categories; of the paper's networks, a few: they take seconds an image."""
    whole = dataset_folder(DATA) / "catalogue"
    if way.profile != "paper":
        return whole
    images = sorted(whole.rglob("*.jpg"))
    for path in images[:: len(images) // PAPER_IMAGES][:PAPER_IMAGES]:
        copy = scratch / "few" / path.relative_to(whole)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return scratch / "few"


def _query(timed: Timed, opened: OpenSearcher, photo: Path) -> None:
    watch = Stopwatch()
    start, used = time.perf_counter(), time.process_time()
    with watch("load"):
        image = opened.read(photo)
    opened.searcher.answer(image, K, watch=watch)
    timed.clock.append(time.perf_counter() - start)
    timed.processor.append(time.process_time() - used)
    for name, seconds in watch.seconds.items():
        timed.stages.setdefault(name, []).append(seconds)


def _table(found: Sequence[Timed]) -> str:
    rows = []
    for one in found:
        plain = next(other for other in found if other.way.profile == one.way.profile)
        clock = spread(one.clock)
        rows.append(
            [
                one.name,
                milliseconds(clock.median),
                milliseconds(clock.p95),
                _ratio(one.clock, plain.clock),
                milliseconds(spread(one.processor).median),
                _ratio(one.processor, plain.processor),
                f"{one.peak / MIB:.0f}",
            ]
        )
    return markdown(["way", "query, ms", "p95", "ratio", "cpu, ms", "ratio", "peak, MiB"], rows)


def _ratio(mine: Sequence[float], plain: Sequence[float]) -> str:
    low, median, high = np.percentile(np.asarray(mine) / np.asarray(plain), [5, 50, 95])
    return f"{median:.2f} [{low:.2f}, {high:.2f}]"


def _stage_table(found: Sequence[Timed]) -> str:
    stages = dict.fromkeys(name for one in found for name in one.stages)
    rows = [
        [name, *(milliseconds(spread(one.stages.get(name, [0.0])).median) for one in found)]
        for name in stages
    ]
    return markdown(["stage (ms)", *(one.name for one in found)], rows)


if __name__ == "__main__":
    sys.exit(main())

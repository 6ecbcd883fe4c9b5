"""Does a process that answers query after query hold more and more memory?

    python benchmarks/query_memory.py [--queries 100000] [--profile compact] [--set KEY=VALUE]
        [--gallery DIR]

One process searches for small photos, one after the other, by ``query`` of Python. Without
``--gallery`` it searches a drawn catalogue, ingested with ``--profile`` and the settings of
``--set``. Photos are 200 drawn
ones of several sizes in turn, as bytes.

How to read the table: resident memory in MiB, shared pages included, the median of the samples of
a window (a tenth of the run, and the first 1,000 queries), which garbage and the allocator's pools
move up and down. ``growth`` is of the last window beyond that of the first
1,000 queries, in which models, pools and caches fill; ``slope`` a line through the second half.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from os import getpid
from pathlib import Path

import numpy as np
from support.images import Photographer, catalogue, jpeg
from support.processes import resident
from support.tables import markdown

from online import query

MIB = 2**20
FIRST = 1000  # queries, or a tenth of them where that is less
WINDOWS, SAMPLES = 10, 100  # of a run; of a window
SIDES = (96, 128, 160, 200, 256)  # pixels
INGEST = "import sys, json; sys.path[:] = json.loads(sys.argv.pop()); "
INGEST += "from offline import ingest; "
INGEST += "ingest(sys.argv[1], sys.argv[2], profile=sys.argv[3], overrides=sys.argv[4:])"


@dataclass(frozen=True)
class Memory:
    """``bytes`` held after so many ``queries``."""

    queries: int
    bytes: int


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="packsight-memory-") as folder:
        gallery = args.gallery or _made_up(Path(folder), args)
        photos = list(_photos(args.photos))
        start, used = time.perf_counter(), time.process_time()
        held = _measure(photos, gallery, args.queries)
    clock = 1000 * (time.perf_counter() - start) / args.queries
    processor = 1000 * (time.process_time() - used) / args.queries
    print(f"{args.queries:,} queries, {clock:.1f} ms each, of the processor {processor:.1f}\n")
    print(_table(held, args.queries))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--queries", type=int, default=100_000, metavar="N")
    parser.add_argument("--profile", default="compact", metavar="NAME")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--gallery", type=Path, metavar="DIR", help="searched in place of a drawn")
    parser.add_argument("--images", type=int, default=60, metavar="N", help="of the drawn gallery")
    parser.add_argument("--photos", type=int, default=200, metavar="N", help="that differ")
    return parser


def _made_up(folder: Path, args: argparse.Namespace) -> Path:
    """Ingested by another process, whose memory does not count."""
    images, gallery = folder / "images", folder / "gallery"
    catalogue(images, args.images, width=300, height=400)
    given = [images, gallery, args.profile, *args.overrides, json.dumps(sys.path)]
    done = [sys.executable, "-c", INGEST, *map(str, given)]
    subprocess.run(done, check=True, stdout=subprocess.DEVNULL)
    return gallery


def _photos(count: int) -> Iterator[bytes]:
    photographers = [
        Photographer(width, height, seed=seed)
        for seed, (width, height) in enumerate(product(SIDES, SIDES))
    ]
    return (jpeg(one.shoot()) for one in islice(cycle(photographers), count))


def _measure(photos: Sequence[bytes], gallery: Path, queries: int) -> list[Memory]:
    every = max(1, queries // (WINDOWS * SAMPLES))
    held = []
    for done in range(1, queries + 1):
        query(photos[done % len(photos)], gallery)
        if done % every == 0:
            held.append(Memory(done, resident(getpid())))
    return held


def _table(held: Sequence[Memory], queries: int) -> str:
    first = min(FIRST, queries // WINDOWS)
    ends = [first, *(queries * part // WINDOWS for part in range(1, WINDOWS + 1))]
    starts = [0, first, *ends[1:-1]]
    if ends[1] == first:
        starts, ends = [0, *ends[1:-1]], ends[1:]
    medians = [
        float(np.median([one.bytes for one in held if start < one.queries <= end]))
        for start, end in zip(starts, ends, strict=True)
    ]
    half = [one for one in held if one.queries > queries / 2]
    slope = np.polyfit([one.queries for one in half], [one.bytes for one in half], 1)[0]
    rows = [[f"{end:,}", f"{value / MIB:.1f}"] for end, value in zip(ends, medians, strict=True)]
    rows.append(["growth", f"{medians[-1] / medians[0] - 1:.2%}"])
    rows.append(["slope, bytes a query", f"{slope:.1f}"])
    return markdown(["queries", "memory (MiB)"], rows)


if __name__ == "__main__":
    sys.exit(main())

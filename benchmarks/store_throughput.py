"""How fast a training reads random cutouts: from a memory-mapped file and from SQLite.

    python benchmarks/store_throughput.py [--cutouts 2000] [--sizes 128 224] [--rounds 60]

The cutouts are random bytes, S x S x 4. In every round the same random batch is read by each way
in turn, as a trainer reads it: stacked, alpha dropped, contiguous; what else the machine does falls
on all alike. Files are in the page cache. How to read the table:

* memory map: one raw file, what ``offline/store/cutouts.py`` keeps.
* SQLite: a blob a cutout by primary key, with small and large pages, and with reads by memory map:
  the best that a table of blobs can do, without checksums and without look-up by name.
* ms: the median over rounds of one batch. ratio: to the memory map, of the medians.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import numpy as np
from support.numbers import milliseconds, spread
from support.tables import markdown

from engine.types import IntArray, UInt8Array

CHANNELS = 4
DISTINCT = 64  # random cutouts, repeated: time does not depend on their contents
SQLITE = {
    "SQLite, 4 KiB pages": (4096, 0),
    "SQLite, 64 KiB pages": (65536, 0),
    "SQLite, 64 KiB pages, mapped": (65536, 2**34),
}
Read = Callable[[IntArray], UInt8Array]  # rows (n,) -> (n, S, S, 3), contiguous


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    rows = []
    for size in args.sizes:
        times = _measured(size, args)
        base = spread(times["memory map"]).median
        for way, seconds in times.items():
            median = spread(seconds).median
            rate = f"{args.batch / median:.0f}"
            name = f"{way}, {size} x {size}"
            rows.append((name, milliseconds(median), rate, f"{median / base:.2f}"))
    print(f"{args.cutouts} cutouts, batches of {args.batch}, {args.rounds} rounds\n")
    print(markdown(("read from", "ms", "cutouts/s", "ratio"), rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cutouts", type=int, default=2000, help="How many (default: 2000).")
    parser.add_argument(
        "--sizes", type=int, nargs="+", default=(128, 224), help="Sides, pixels (default: 128 224)."
    )
    parser.add_argument("--batch", type=int, default=32, help="Cutouts a batch (default: 32).")
    parser.add_argument("--rounds", type=int, default=60, help="Batches a way (default: 60).")
    parser.add_argument("--seed", type=int, default=0, help="Of the batches (default: 0).")
    return parser


def _measured(size: int, args: argparse.Namespace) -> dict[str, list[float]]:
    """Seconds of every batch by way of reading."""
    random = np.random.default_rng(args.seed)
    made = random.integers(0, 256, (DISTINCT, size, size, CHANNELS), np.uint8)
    with tempfile.TemporaryDirectory() as name, ExitStack() as files:
        folder = Path(name)
        ways = {"memory map": _mapped(folder / "raw", made, args.cutouts)}
        for way, (page, mapped) in SQLITE.items():
            path = folder / f"{len(ways)}.sqlite"
            ways[way] = files.enter_context(_sqlite(path, made, args.cutouts, page, mapped))
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(args.rounds):
            batch = random.integers(0, args.cutouts, args.batch)
            for way, read in ways.items():
                start = time.perf_counter()
                read(batch)
                times[way].append(time.perf_counter() - start)
    return times


def _mapped(path: Path, made: UInt8Array, count: int) -> Read:
    with path.open("wb") as file:
        for row in range(count):
            file.write(made[row % DISTINCT].tobytes())
    rgba = np.memmap(path, np.uint8, "r", shape=(count, *made.shape[1:]))
    return lambda rows: np.ascontiguousarray(rgba[rows][..., :3])


@contextmanager
def _sqlite(path: Path, made: UInt8Array, count: int, page: int, mapped: int) -> Iterator[Read]:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA page_size = {page}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE cutouts (id INTEGER PRIMARY KEY, data BLOB)")
        blobs = ((row, made[row % DISTINCT].tobytes()) for row in range(count))
        connection.executemany("INSERT INTO cutouts VALUES (?, ?)", blobs)
        connection.commit()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA mmap_size = {mapped}")

        def read(rows: IntArray) -> UInt8Array:
            rgba = np.empty((len(rows), *made.shape[1:]), np.uint8)
            for place, row in enumerate(rows.tolist()):
                select = connection.execute("SELECT data FROM cutouts WHERE id = ?", (row,))
                rgba[place] = np.frombuffer(select.fetchone()[0], np.uint8).reshape(rgba.shape[1:])
            return np.ascontiguousarray(rgba[..., :3])

        yield read


if __name__ == "__main__":
    raise SystemExit(main())

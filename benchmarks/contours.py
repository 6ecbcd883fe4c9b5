"""What the IoU of one contour with many costs: nanoseconds a candidate, beside plainer ways.

    python benchmarks/contours.py [--candidates 100 10000 100000] [--rounds 15]

Contours are drawn at random, 128 x 128 cells. All ways run in turn within each round, so that what
else the machine does falls on all alike, and must agree. How to read the table: medians over
rounds, divided by the number of candidates.

* packed rows: `engine.contours.packed_ious` of rows in one array.
* contours: `engine.contours.ious` of as many objects, which have to be joined into rows first.
* AND + popcount: NumPy's, on 64-bit words in one array.
* boolean: the same contours unpacked, one byte a cell; at most 10,000, for memory.
* read: the sum of all words, NumPy's fastest pass over the rows: what reading them costs at least.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import numpy.typing as npt
from support.numbers import spread
from support.tables import markdown

from engine.contours import ious, packed_ious
from engine.types import CONTOUR_SIDE, Contour, UInt8Array

MOST_BOOLEAN = 10_000
BYTES = CONTOUR_SIDE**2 // 8

Ways = Mapping[str, Callable[[], npt.NDArray[np.float64]]]


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    random = np.random.default_rng(args.seed)
    columns = {count: _measured(count, args.rounds, random) for count in args.candidates}
    print(f"{args.rounds} rounds, nanoseconds a candidate\n")
    names = list(next(iter(columns.values())))
    rows = [[name, *(found.get(name, "–") for found in columns.values())] for name in names]
    print(markdown(["way", *(f"{count:,}" for count in columns)], rows))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--candidates", type=int, nargs="+", default=(100, 10_000, 100_000))
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    return parser


def _measured(count: int, rounds: int, random: np.random.Generator) -> dict[str, str]:
    packed = random.integers(0, 256, (count, BYTES), dtype=np.uint8)
    areas = np.bitwise_count(packed).sum(1, dtype=np.int64)
    query = Contour.from_mask(random.random((CONTOUR_SIDE, CONTOUR_SIDE)) < 0.5)
    ways = _ways(query, packed, areas)
    expected = ways["AND + popcount"]()
    for name, way in ways.items():
        if not np.allclose(way(), expected):
            raise SystemExit(f"contours: {name} does not agree.")
    ways = {**ways, "read": lambda: packed.view(np.uint64).sum(keepdims=True)}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: f"{spread(found).median / count * 1e9:.0f}" for name, found in times.items()}


def _ways(query: Contour, packed: UInt8Array, areas: npt.NDArray[np.int64]) -> Ways:
    contours = [
        Contour(row.copy(), CONTOUR_SIDE, area)
        for row, area in zip(packed, areas.tolist(), strict=True)
    ]
    words, word = packed.view(np.uint64), query.packed.view(np.uint64)

    def popcount() -> npt.NDArray[np.float64]:
        shared = np.bitwise_count(words & word).sum(1, dtype=np.int64)
        return _ratio(shared, query.area + areas - shared)

    ways = {
        "packed rows": lambda: packed_ious(query, packed, areas),
        "contours": lambda: ious(query, contours),
        "AND + popcount": popcount,
    }
    if len(packed) > MOST_BOOLEAN:
        return ways
    masks, mask = np.unpackbits(packed, axis=1).view(np.bool_), query.mask().ravel()

    def boolean() -> npt.NDArray[np.float64]:
        return _ratio((masks & mask).sum(1), (masks | mask).sum(1))

    return {**ways, "boolean": boolean}


def _ratio(shared: npt.NDArray[np.int64], union: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    return shared / np.maximum(union, 1)


if __name__ == "__main__":
    sys.exit(main())

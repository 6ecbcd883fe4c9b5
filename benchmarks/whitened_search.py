"""What shorter vectors save: exact search in a category, and bytes an image.

    python benchmarks/whitened_search.py [--images 20000] [--queries 50]

Random vectors of length 1; time does not depend on what they hold. Search: FAISS, exact, one
thread, the ten nearest, the lengths in turn, medians. Whitening: projecting one query.
Index: bytes an image in the derived index. Row: bytes an image of the SQLite row's vector and its
two contours of 2 KiB, the rest left out. The ratios are those of the first length.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence

import faiss
import numpy as np
from support.tables import markdown

from engine.types import CONTOUR_SIDE, FloatArray
from stages.whiten.fitted import Fitted

CONTOURS = 2 * CONTOUR_SIDE * CONTOUR_SIDE // 8
FLOAT = 4


def main(arguments: Sequence[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    faiss.omp_set_num_threads(1)
    random = np.random.default_rng(0)
    searches = {d: _search(random, args.images, d) for d in args.dimensions}
    whitens = {d: _whiten(random, args.dimensions[0], d) for d in args.dimensions}
    times = _medians(searches, args.queries)
    projecting = _medians(whitens, args.queries)
    first = args.dimensions[0]
    rows = []
    for d in args.dimensions:
        row = d * FLOAT + CONTOURS
        rows.append(
            [
                str(d),
                f"{times[d]:.2f}",
                f"{times[d] / times[first]:.2f}",
                "–" if d == first else f"{projecting[d]:.3f}",
                str(d * FLOAT),
                f"{d / first:.2f}",
                str(row),
                f"{row / (first * FLOAT + CONTOURS):.2f}",
            ]
        )
    head = ("D", "search (ms)", "ratio", "whitening (ms)", "index", "ratio", "row", "ratio")
    print(f"{args.images} images, {args.queries} queries\n")
    print(markdown(head, rows))
    return 0


def _search(random: np.random.Generator, images: int, dimension: int) -> Callable[[], object]:
    index = faiss.IndexFlatL2(dimension)
    index.add(_unit(random, images, dimension))
    query = _unit(random, 1, dimension)
    return lambda: index.search(query, 10)


def _whiten(random: np.random.Generator, before: int, after: int) -> Callable[[], object]:
    projection = random.normal(size=(before, after)).astype(np.float32)
    whitening = Fitted(np.zeros(before, np.float32), projection, "")
    row = _unit(random, 1, before)
    return lambda: whitening.project(row)


def _unit(random: np.random.Generator, rows: int, dimension: int) -> FloatArray:
    values = random.standard_normal((rows, dimension), np.float32)
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    return values


def _medians(tasks: dict[int, Callable[[], object]], rounds: int) -> dict[int, float]:
    """Milliseconds; the tasks in turn, so that what else the machine does falls on all alike."""
    taken: dict[int, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - start)
    return {name: float(np.median(values)) * 1000 for name, values in taken.items()}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--images", type=int, default=20_000, metavar="N", help="in the category")
    add("--queries", type=int, default=50, metavar="N")
    add("--dimensions", type=int, nargs="+", default=[2048, 1280, 512, 256, 128], metavar="D")
    return parser


if __name__ == "__main__":
    sys.exit(main())

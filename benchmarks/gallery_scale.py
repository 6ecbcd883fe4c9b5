"""What a gallery costs as it grows: opening, searching, adding and deleting one image, bytes.

    python benchmarks/gallery_scale.py [--sizes 1000 10000 100000 1000000] [--dimension 256]

Fills a gallery of made-up vectors in 15 categories for each size. Another reader has it open while
images are added and deleted one by one, and searches after each change:

* open, first: a gallery that is opened, and its first search of one category;
* routed, all: searches of one category and of all, without records or reranking;
* add, delete: the write itself, durable, and the reader's next search of that category, which finds
  what was added;
* anew: the index of that category derived from the database and written, which is what the next
  search after a change would cost if indexes were not brought up to date;
* bytes: of the whole folder, an image; MB: resident, of this process, at the end of each size.

Milliseconds are medians, p99 where named. Compare the rows of one run.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from support.processes import resident
from support.synthetic_gallery import Vectors, draw_vectors, fill
from support.tables import markdown

from engine.galleries import open_gallery
from engine.galleries.local import LocalGallery
from engine.types import CategoryScores, Contour, Description, Embedding, Entry, MatteQuality

SEARCHES = 200
CHANGES = 50
K = 50
HEADER = (
    *("images", "fill, s", "open", "first", "count", "routed", "p99", "all", "p99"),
    *("add", "then routed", "delete", "then routed", "anew", "bytes", "MB"),
)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--work", metavar="DIR", help="where the galleries are made")
    args = parser.parse_args(arguments)
    rows = []
    for size in args.sizes:
        with tempfile.TemporaryDirectory(prefix="packsight-scale-", dir=args.work) as work:
            vectors = draw_vectors(size, SEARCHES, dimension=args.dimension, seed=size)
            rows.append(_row(Path(work, "gallery"), vectors))
            print(markdown(HEADER, rows[-1:]), flush=True)
    print(f"\n{markdown(HEADER, rows)}")


def _row(folder: Path, vectors: Vectors) -> tuple[str, ...]:
    filling, gallery = _timed(lambda: fill(folder, vectors, seed=1))
    gallery.close()
    bytes_ = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    queries = [Embedding(row.copy()) for row in vectors.queries]
    category = vectors.categories[0]
    opening, reader = _timed(lambda: LocalGallery.open(folder))
    first, _ = _timed(lambda: reader.search(queries[0], K, [category]))
    counting, _ = _timed(reader.categories)
    routed = [_timed(lambda q=q: reader.search(q, K, [category]))[0] for q in queries]
    every = [_timed(lambda q=q: reader.search(q, K))[0] for q in queries]
    adds, after_add, deletes, after_delete = _changes(folder, reader, queries, category)
    reader.close()
    for path in (folder / "indexes").iterdir():
        path.unlink()
    with LocalGallery.open(folder) as again:
        anew, _ = _timed(lambda: again.search(queries[0], K, [category]))
    size = len(vectors.categories)
    return (
        f"{size:,}",
        f"{filling:.0f}",
        *(f"{1000 * one:.1f}" for one in (opening, first, counting)),
        *_median_and_p99(routed),
        *_median_and_p99(every),
        *(f"{1000 * np.median(one):.2f}" for one in (adds, after_add, deletes, after_delete)),
        f"{1000 * anew:.0f}",
        f"{bytes_ / size:,.0f}",
        f"{resident(os.getpid()) / 1e6:,.0f}",
    )


def _changes(
    folder: Path, reader: LocalGallery, queries: Sequence[Embedding], category: str
) -> tuple[list[float], list[float], list[float], list[float]]:
    """Seconds of adding, of the search that follows, of deleting and of the search after that."""
    adds, after_add, deletes, after_delete = [], [], [], []
    with open_gallery(folder, write=True) as writer:
        for number in range(CHANGES):
            query = queries[number]
            entry = Entry(f"new/{number}.jpg", f"{number}", 1, 1, f"new-{number}", category)
            took, (identity,) = _timed(lambda e=entry, q=query: writer.add([e], [_described(q)]))
            adds.append(took)
            took, found = _timed(lambda q=query: reader.search(q, K, [category]))
            after_add.append(took)
            assert found[0].id == identity
            took, _ = _timed(lambda i=identity: writer.remove([i]))
            deletes.append(took)
            took, found = _timed(lambda q=query: reader.search(q, K, [category]))
            after_delete.append(took)
            assert found[0].id != identity
        writer.build_indexes()
    return adds, after_add, deletes, after_delete


def _described(vector: Embedding) -> Description:
    plain = Contour.from_mask(np.ones((128, 128), np.bool_))
    scores = CategoryScores.certain("any")
    return Description(scores, vector, plain, plain, MatteQuality())


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _median_and_p99(seconds: Sequence[float]) -> tuple[str, str]:
    return f"{1000 * np.median(seconds):.2f}", f"{1000 * np.percentile(seconds, 99):.2f}"


if __name__ == "__main__":
    main()

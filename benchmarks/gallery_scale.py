"""What a gallery costs as it grows: opening, searching, adding and deleting one image, bytes.

    python benchmarks/gallery_scale.py [--sizes 1000 10000 100000 1000000] [--dimension 256]
        [--categories 15] [--latent D] [--kinds exact sq8 hnsw] [--threads 2]
        [--keypoints 100000] [--work DIR]

Fills a gallery of made-up vectors for each size, 100,000 at a time; with ``--work`` it is kept, and
found again. Each row is of processes of their own. ``--latent``: vectors lie near a surface of
so many dimensions, as those of trained networks do; without it their differences go in all
directions, which is the hardest for graphs.

Changes: another reader has the gallery open while images are added and deleted one by one, and
searches after each change.

* open, first: a gallery that is opened, and its first search of one category; FAISS is loaded
  before;
* one, all: searches of the query's category and of all, without records or reranking;
* add, delete: the write itself, durable, and the reader's next search of that category, which finds
  what was added;
* tidy: ``build_indexes`` of the writer after one image was added;
* anew: the index of that category derived from the database and written, which is what the next
  search after a change would cost if indexes were not brought up to date;
* bytes: of the whole folder, an image.

Kinds of index, in turn query by query within one process: seconds of deriving the files, their
bytes an image, searches on the clock and by the processor's time, the first 50 that are found of
the first 50 by the exact index, one thread and ``--threads``. MB: resident, of a process that has
opened the gallery by this kind and searched for all queries; pages of mapped files count.

Adapted: seconds of switching an adaptation in, and adding one and then searching by it. Keypoints,
up to the size of ``--keypoints``: of a gallery with 170 an image, adding one, then the images that
share print with it, and bytes.

Milliseconds are medians, p99 where named. Compare the rows of one run.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from support.images import CATEGORIES
from support.label_keypoints import LabelKeypoints
from support.processes import resident
from support.synthetic_gallery import Vectors, draw_vectors, fill
from support.tables import markdown

from engine.adaptation import Adaptation, AdaptationReport, adapt
from engine.config import IndexKind
from engine.galleries import open_gallery
from engine.galleries.local import LocalGallery
from engine.keypoints import Keypoints
from engine.protocols import KeypointMatcher
from engine.types import (
    CategoryScores,
    Contour,
    Description,
    Embedding,
    Entry,
    IntArray,
    MatteQuality,
)
from stages.assemble import assemble_matcher
from stages.profiles import read_profile

T = TypeVar("T")

PART = 100_000  # images that are drawn at a time
SEARCHES = 200
CHANGES = 50
K = 50
CHANGED = (
    *("images", "fill, s", "open", "first", "count", "one", "p99", "all", "p99", "add"),
    *("then one", "delete", "then one", "tidy", "anew", "bytes"),
)
SEARCHED = (
    *("images", "index", "made, s", "its bytes", "one", "p99", "all", "p99", "one, cpu"),
    *("all, cpu", "one, threads", "all, threads", "found: one", "all", "MB"),
)
BESIDES = (
    *("images", "adapt, s", "add", "then adapted", "with keypoints: images", "add"),
    *("then sharing print", "delete", "then sharing print", "bytes"),
)


@dataclass(frozen=True)
class Catalogue:
    """What a gallery is drawn from."""

    images: int
    dimension: int
    categories: int
    latent: int | None
    keypoints: bool = False

    @property
    def name(self) -> str:
        other = "" if self.categories == len(CATEGORIES) else f"-of-{self.categories}"
        latent = "" if self.latent is None else f"-latent-{self.latent}"
        keypoints = "-keypoints" if self.keypoints else ""
        return f"scale-{self.images}-{self.dimension}{other}{latent}{keypoints}"

    def vectors(self, first: int = 0) -> Vectors:
        """Those from the ``first`` image on, and queries for them."""
        return draw_vectors(
            min(PART, self.images - first),
            SEARCHES,
            dimension=self.dimension,
            seed=self.images,
            first=first,
            categories=CATEGORIES[: self.categories],
            latent=self.latent,
        )

    def fill(self, folder: Path) -> None:
        labels = LabelKeypoints(self.images) if self.keypoints else None
        for first in range(0, self.images, PART):
            vectors = self.vectors(first)
            fill(folder, vectors, seed=1, keypoints=labels and labels.of_row).close()


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000])
    parser.add_argument("--dimension", type=int, default=256)
    parser.add_argument("--categories", type=int, default=len(CATEGORIES))
    parser.add_argument("--latent", type=int)
    parser.add_argument("--kinds", nargs="+", default=["exact", "sq8"])
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keypoints", type=int, default=10_000, metavar="SIZE")
    parser.add_argument("--work", metavar="DIR", help="where galleries are kept")
    args = parser.parse_args(arguments)
    kinds = cast("list[IndexKind]", args.kinds)
    changed, searched, besides = list[Row](), list[Row](), list[Row]()
    for size in args.sizes:
        catalogue = Catalogue(size, args.dimension, args.categories, args.latent)
        with _filled(catalogue, args.work) as (folder, filling):
            changed.append(_alone(_changes, folder, catalogue, filling))
            print(markdown(CHANGED, changed[-1:]), flush=True)
            searched += _alone(_searches, folder, catalogue, kinds, args.threads)
            print(markdown(SEARCHED, searched[-len(kinds) :]), flush=True)
            besides.append(_besides(folder, catalogue, args.keypoints, args.work))
            print(markdown(BESIDES, besides[-1:]), flush=True)
    for head, rows in ((CHANGED, changed), (SEARCHED, searched), (BESIDES, besides)):
        print(f"\n{markdown(head, rows)}")


Row = tuple[str, ...]


def _alone(work: Callable[..., T], *values: object) -> T:
    """In a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(work, *values).result()


@contextmanager
def _filled(catalogue: Catalogue, work: str | None) -> Iterator[tuple[Path, float]]:
    """A gallery, and the seconds of filling it; 0 where it was there."""
    with tempfile.TemporaryDirectory(prefix="packsight-scale-") as temporary:
        folder = Path(work or temporary, catalogue.name)
        partial = folder.with_name(f"{folder.name}.part")
        filling = 0.0
        if not folder.exists():
            shutil.rmtree(partial, ignore_errors=True)
            filling, _ = _timed(lambda: catalogue.fill(partial))
            partial.rename(folder)
        yield folder, filling


def _changes(folder: Path, catalogue: Catalogue, filling: float) -> Row:
    vectors = catalogue.vectors()
    queries = [Embedding(row.copy()) for row in vectors.queries]
    with LocalGallery.open(folder) as warm:  # FAISS is loaded, and the pages are in memory
        of = [warm.search(query, 1)[0].category for query in queries]
    opening, reader = _timed(lambda: LocalGallery.open(folder))
    first, _ = _timed(lambda: reader.search(queries[0], K, [of[0]]))
    counting, _ = _timed(reader.categories)
    one = [
        _timed(lambda q=q, c=c: reader.search(q, K, [c]))[0]
        for q, c in zip(queries, of, strict=True)
    ]
    every = [_timed(lambda q=q: reader.search(q, K))[0] for q in queries]
    adds, after_add, deletes, after_delete, tidy = _changed(folder, reader, queries, of)
    reader.close()
    with tempfile.TemporaryDirectory(prefix="packsight-anew-") as work:
        shutil.copy(folder / "gallery.sqlite", work)
        with LocalGallery.open(work) as again:
            anew, _ = _timed(lambda: again.search(queries[0], K, [of[0]]))
    others = (".sq8", ".hnsw")
    bytes_ = sum(path.stat().st_size for path in _files(folder) if path.suffix not in others)
    return (
        f"{catalogue.images:,}",
        f"{filling:.0f}",
        *(f"{1000 * one:.1f}" for one in (opening, first, counting)),
        *_median_and_p99(one),
        *_median_and_p99(every),
        *(f"{1000 * np.median(one):.2f}" for one in (adds, after_add, deletes, after_delete)),
        f"{1000 * np.median(tidy):.2f}",
        f"{1000 * anew:.0f}",
        f"{bytes_ / catalogue.images:,.0f}",
    )


def _changed(
    folder: Path, reader: LocalGallery, queries: Sequence[Embedding], of: Sequence[str]
) -> tuple[list[float], ...]:
    """Seconds of adding, of the search that follows, of deleting and of the search after that, and
    of tidying up."""
    adds, after_add, deletes, after_delete, tidy = [], [], [], [], []
    with open_gallery(folder, write=True) as writer:
        writer.build_indexes()
        for number in range(CHANGES):
            query, category = queries[number], of[number]
            entry = _entry(number, category)
            took, (identity,) = _timed(lambda e=entry, q=query: writer.add([e], [_described(q)]))
            adds.append(took)
            took, found = _timed(lambda q=query, c=category: reader.search(q, K, [c]))
            after_add.append(took)
            assert found[0].id == identity
            tidy.append(_timed(writer.build_indexes)[0])
            took, _ = _timed(lambda i=identity: writer.remove([i]))
            deletes.append(took)
            took, found = _timed(lambda q=query, c=category: reader.search(q, K, [c]))
            after_delete.append(took)
            assert found[0].id != identity
        writer.build_indexes()
    return adds, after_add, deletes, after_delete, tidy


def _searches(
    folder: Path, catalogue: Catalogue, kinds: Sequence[IndexKind], threads: int
) -> list[Row]:
    queries = [Embedding(row.copy()) for row in catalogue.vectors().queries]
    before = {path.name for path in _files(folder)}
    made = {}
    for kind in kinds:
        with LocalGallery.open(folder, write=True) as writer:
            writer.search_by(kind, threads)
            took, _ = _timed(writer.build_indexes)
        names = {path.name for path in _files(folder)}
        made[kind] = f"{took:.1f}" if names - before else ("–" if kind == "exact" else "kept")
        before = names
    galleries = {kind: LocalGallery.open(folder) for kind in kinds}
    exact = LocalGallery.open(folder)
    seconds: dict[tuple[IndexKind, str], list[float]] = {}
    recall: dict[tuple[IndexKind, str], list[float]] = {}
    for query in queries:
        every = exact.search(query, K)
        category = [every[0].category]
        expected = {"one": _ids(exact, query, category), "all": _ids(exact, query)}
        for kind, gallery in galleries.items():
            for shared in (1, threads):
                gallery.search_by(kind, shared)
                for scope, wanted in (("one", category), ("all", None)):
                    gallery.search_by(kind, shared)  # forgets the last query
                    clock, processor = time.perf_counter(), time.process_time()
                    found = _ids(gallery, query, wanted)
                    took = time.perf_counter() - clock, time.process_time() - processor
                    names = (scope, f"{scope}, cpu") if shared == 1 else (f"{scope}, threads",)
                    for name, value in zip(names, took, strict=False):
                        seconds.setdefault((kind, name), []).append(value)
                    share = len(np.intersect1d(found, expected[scope])) / len(expected[scope])
                    recall.setdefault((kind, scope), []).append(share)
    rows = []
    for kind in kinds:
        files = [path for path in _files(folder) if path.suffix == f".{kind}"]
        rows.append(
            (
                f"{catalogue.images:,}",
                kind,
                made[kind],
                f"{sum(path.stat().st_size for path in files) / catalogue.images:,.0f}",
                *_median_and_p99(seconds[kind, "one"]),
                *_median_and_p99(seconds[kind, "all"]),
                *(
                    f"{1000 * np.median(seconds.get((kind, name), [np.nan])):.2f}"
                    for name in ("one, cpu", "all, cpu", "one, threads", "all, threads")
                ),
                *(f"{np.mean(recall[kind, scope]):.4f}" for scope in ("one", "all")),
                f"{_alone(_resident, folder, catalogue, kind) / 1e6:,.0f}",
            )
        )
    return rows


def _resident(folder: Path, catalogue: Catalogue, kind: IndexKind) -> int:
    """Bytes, after all searches."""
    queries = catalogue.vectors().queries
    with LocalGallery.open(folder) as gallery:
        gallery.search_by(kind, 1)
        for row in queries:
            gallery.search(Embedding(row.copy()), K)
        return resident(os.getpid())


def _besides(folder: Path, catalogue: Catalogue, most: int, work: str | None) -> Row:
    with tempfile.TemporaryDirectory(prefix="packsight-adapted-", dir=work) as copies:
        copy = Path(copies, "gallery")
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.sq8", "*.hnsw"))
        adapted = _alone(_adapted, copy, catalogue)
    if catalogue.images > most:
        return (f"{catalogue.images:,}", *adapted, *["–"] * 6)
    other = Catalogue(
        catalogue.images, catalogue.dimension, catalogue.categories, catalogue.latent, True
    )
    with _filled(other, work) as (described, _):
        return (f"{catalogue.images:,}", *adapted, *_alone(_printed, described, other))


def _adapted(folder: Path, catalogue: Catalogue) -> Row:
    vectors = catalogue.vectors()
    mean = vectors.gallery[:10_000].mean(axis=0)
    random = np.random.default_rng(0).standard_normal((catalogue.dimension,) * 2)
    turned = np.linalg.qr(random)[0].astype(np.float32)
    report = AdaptationReport(
        created="2026-01-01T00:00:00+00:00",
        written_by="a benchmark",
        images=catalogue.images,
        products=0,
        photos=0,
        queries=0,
    )
    made = Adaptation(mean, mean, turned, report)
    adds, searches = [], []
    with LocalGallery.open(folder, write=True) as writer:
        switching, _ = _timed(lambda: writer.adapt(made))
        with LocalGallery.open(folder) as reader:
            for number, row in enumerate(vectors.queries[:CHANGES]):
                query = Embedding(row.copy())
                asked = adapt(made, query, "catalogue")
                category = reader.search(asked, 1)[0].category
                entry = _entry(number, category)
                took, (identity,) = _timed(
                    lambda e=entry, q=query: writer.add([e], [_described(q)])
                )
                adds.append(took)
                took, found = _timed(lambda q=asked, c=category: reader.search(q, K, [c]))
                searches.append(took)
                assert found[0].id == identity
    return (f"{switching:.1f}", *(f"{1000 * np.median(one):.2f}" for one in (adds, searches)))


def _printed(folder: Path, catalogue: Catalogue) -> Row:
    vectors, labels = catalogue.vectors(), LabelKeypoints(catalogue.images)
    matcher = assemble_matcher(read_profile("classic"))
    assert matcher is not None
    adds, searches, deletes, after = [], [], [], []
    with LocalGallery.open(folder, write=True) as writer:
        writer.build_indexes(matcher)
        bytes_ = sum(path.stat().st_size for path in _files(folder))
        with LocalGallery.open(folder) as reader:
            for number, row in enumerate(vectors.queries[:CHANGES]):
                keypoints = labels.asked(number, number)
                category = vectors.categories[4 * number % len(vectors.categories)]
                described = _described(Embedding(row.copy()), labels.of_row(4 * number))
                entry = _entry(number, category)
                took, (identity,) = _timed(lambda e=entry, d=described: writer.add([e], [d]))
                adds.append(took)
                took, found = _timed(_sharing(reader, keypoints, matcher, category))
                searches.append(took)
                assert identity in found
                deletes.append(_timed(lambda i=identity: writer.remove([i]))[0])
                took, found = _timed(_sharing(reader, keypoints, matcher, category))
                after.append(took)
                assert identity not in found
    return (
        f"{catalogue.images:,}",
        *(f"{1000 * np.median(one):.2f}" for one in (adds, searches, deletes, after)),
        f"{bytes_ / catalogue.images:,.0f}",
    )


def _sharing(
    gallery: LocalGallery, keypoints: Keypoints, matcher: KeypointMatcher, category: str
) -> Callable[[], list[int]]:
    return lambda: gallery.sharing_print(keypoints, matcher, K, [category])


def _ids(
    gallery: LocalGallery, query: Embedding, categories: Sequence[str] | None = None
) -> IntArray:
    return np.array([one.id for one in gallery.search(query, K, categories)], np.int64)


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _entry(number: int, category: str) -> Entry:
    return Entry(f"new/{number}.jpg", f"{number}", 1, 1, f"new-{number}", category)


def _described(vector: Embedding, keypoints: Keypoints | None = None) -> Description:
    plain = Contour.from_mask(np.ones((128, 128), np.bool_))
    scores = CategoryScores.certain("any")
    return Description(scores, vector, plain, plain, MatteQuality(), keypoints=keypoints)


def _timed(work: Callable[[], Any]) -> tuple[float, Any]:
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def _median_and_p99(seconds: Sequence[float]) -> tuple[str, str]:
    return f"{1000 * np.median(seconds):.2f}", f"{1000 * np.percentile(seconds, 99):.2f}"


if __name__ == "__main__":
    main()

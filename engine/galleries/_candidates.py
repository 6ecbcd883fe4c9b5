"""Candidates for the nearest vectors, from files beside those of the vectors: codes of 8 bits a
number, and graphs over such codes where these find what a scan finds."""

from __future__ import annotations

import errno
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import faiss
import numpy as np

from engine.config import IndexKind
from engine.distances import Distances, Metric, from_products, from_squares, unit_or_zero
from engine.files import replacing
from engine.parallel import one_faiss_thread
from engine.types import FloatArray, IntArray

log = logging.getLogger(__name__)

# Fewer vectors are scanned: 20,000 of 256 numbers took 1.5 ms, codes 1.7 and a graph 1.3; of
# 100,000 these took 4.9, 3.7 and 2.4.
LEAST = 30_000
LINKS = 32  # of a vector in a graph, twice as many on its lowest level
LINKED = 100  # candidates that are kept while a vector is linked
# Candidates that are kept while a graph is searched: the fewest by which the first ``FOUND`` of
# ``TRIED`` queries are found to this fraction. Where none does, codes are scanned.
EXPLORED = (64, 96, 128, 192, 256, 384, 512, 768, 1024)
FOUND = 50
TRIED = 200
RECALL = 0.9995
SAMPLE = 64  # vectors that are compared with their codes when a file is opened
_BLOCK = 16_384  # vectors that are encoded at a time


@dataclass(frozen=True)
class CandidateIndex:
    """Finds rows of an index that may be the nearest, by 8 bits a number (scalar quantisation).

    Codes are scanned. No vector is farther than ``error`` from what stands for it, so that all
    that lies farther than the last candidate can be ruled out. A graph is searched without such a
    bound: Malkov and Yashunin, "Efficient and Robust Approximate Nearest Neighbor Search Using
    Hierarchical Navigable Small World Graphs", PAMI 2020.
    """

    index: faiss.Index
    error: float
    length: float  # no vector is longer

    @property
    def is_graph(self) -> bool:
        return isinstance(self.index, faiss.IndexHNSW)

    def found(
        self, query: FloatArray, count: int, rows: range, metric: Metric
    ) -> tuple[IntArray, float]:
        """At most ``count`` of these rows, for a query (1, D), and the distance that all others of
        them are beyond: infinite for a graph, whose candidates are taken for the nearest."""
        if self.is_graph:
            _, places = self.index.search(query, count)
            return places[0][places[0] >= 0], np.inf
        selector = faiss.IDSelectorRange(rows.start, rows.stop)
        chosen = faiss.SearchParameters(sel=selector)  # type: ignore[call-arg]
        values, places = self.index.search(query, count, params=chosen)
        last = float(distances_of(values[0][-1:], metric)[0])
        far = float(np.linalg.norm(query.astype(np.float64)))
        if metric == "euclidean":
            return places[0], last - self.error - self.rounding(query.shape[1], far)
        # |q·x - q·x'| <= |q| |x - x'|
        return places[0], last - far * (self.error + self.rounding(query.shape[1]))

    def rounding(self, dimension: int, far: float = 0.0) -> float:
        """Twice what a distance or product in float32 may be off by."""
        return 4 * dimension * 2.0**-24 * (self.length + far)


def distances_of(values: FloatArray, metric: Metric) -> Distances:
    """FAISS has squares of Euclidean distances, or products."""
    return from_squares(values) if metric == "euclidean" else from_products(values, metric)


def stored(base: faiss.IndexIDMap, path: Path, kind: IndexKind) -> CandidateIndex | None:
    """Those of the vectors in ``base``, whose file is ``path``, if they are there and whole."""
    place = path.with_suffix(f".{kind}")
    if base.ntotal < LEAST or (index := mapped(place)) is None:
        return None
    if not _fits(index, base, kind):
        log.warning("%s: of other vectors or damaged, not used", place)
        return None
    return _bounded(index)


def derived(
    base: faiss.IndexIDMap, path: Path, kind: IndexKind, metric: Metric
) -> CandidateIndex | None:
    """As ``stored``, or made and written; None where ``base`` is small, and for graphs of inner
    products, in which long vectors hide others. A graph takes minutes."""
    if base.ntotal < LEAST or (kind == "hnsw" and metric == "inner_product"):
        return None
    if (found := stored(base, path, kind)) is not None:
        return found
    with one_faiss_thread():  # a graph is then the same on every machine
        index = made(base, kind)
    write(index, path.with_suffix(f".{kind}"))
    return stored(base, path, kind) or _bounded(index)


def made(base: faiss.IndexIDMap, kind: IndexKind) -> faiss.Index:
    """Of the vectors in ``base``."""
    eight = faiss.ScalarQuantizer.QT_8bit
    if kind == "hnsw":
        graph: Any = faiss.IndexHNSWSQ(
            base.d,
            eight,  # type: ignore[arg-type]
            LINKS,
            base.metric_type,
        )
        graph.hnsw.efConstruction = LINKED
        _fill(graph, vectors_of(base))
        if _is_explored(graph, vectors_of(base)):
            return cast("faiss.Index", graph)
    codes = faiss.IndexScalarQuantizer(base.d, eight, base.metric_type)
    _fill(codes, vectors_of(base))
    return codes


def _fill(index: Any, vectors: FloatArray) -> None:
    index.train(vectors)  # the least and the largest of every number
    for start in range(0, len(vectors), _BLOCK):
        index.add(vectors[start : start + _BLOCK])


def _is_explored(graph: Any, vectors: FloatArray) -> bool:
    """Whether the graph, by a number of candidates that it keeps, finds what a scan finds. Queries
    are vectors moved as others lie to their nearest: as a new photo lies to those of a product."""
    random = np.random.default_rng(0)
    rows, others = random.integers(0, len(vectors), (2, TRIED))
    count = min(FOUND, len(vectors))
    _, nearest = faiss.knn(vectors[others], vectors, min(2, len(vectors)), metric=graph.metric_type)
    queries = vectors[rows] + vectors[others] - vectors[nearest[:, -1]]
    if graph.metric_type == faiss.METRIC_INNER_PRODUCT:
        queries = unit_or_zero(queries)
    values, _ = faiss.knn(queries, vectors, count, metric=graph.metric_type)
    exact = _distances(values, graph)[:, -1]
    for explored in EXPLORED:
        graph.hnsw.efSearch = explored
        _, places = graph.search(queries, 2 * count)
        found = 0
        for query, row, last in zip(queries, places, exact, strict=True):
            held = vectors[row[row >= 0]]
            values, _ = faiss.knn(query[None], held, min(count, len(held)), graph.metric_type)
            found += int((_distances(values, graph) <= last * (1 + 1e-4)).sum())
        if found >= RECALL * count * TRIED:
            return True
    return False


def _distances(values: FloatArray, index: Any) -> Distances:
    euclidean = index.metric_type == faiss.METRIC_L2
    return distances_of(values, "euclidean" if euclidean else "cosine")


def vectors_of(base: faiss.IndexIDMap) -> FloatArray:
    """(n, D), where they lie in memory or in the file: for as long as ``base`` is there."""
    count, flat = base.ntotal, faiss.downcast_index(base.index)
    if not count:
        return np.empty((0, base.d), np.float32)
    first = flat.get_xb()  # type: ignore[attr-defined]
    vectors: FloatArray = faiss.rev_swig_ptr(first, count * base.d).reshape(count, base.d)
    return vectors


def codes_of(index: faiss.Index) -> faiss.IndexScalarQuantizer:
    """The codes of a candidate index."""
    storage = index.storage if isinstance(index, faiss.IndexHNSW) else index
    return cast("faiss.IndexScalarQuantizer", faiss.downcast_index(storage))


def mapped(path: Path) -> faiss.Index | None:
    """The file, mapped; None where it is not there or cannot be read."""
    if not path.is_file():
        return None
    try:
        # IO_FLAG_MMAP_IFC maps flat indexes; IO_FLAG_MMAP reads them into memory.
        return faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as error:
        log.warning("%s: damaged index, not used (%s)", path, error)
        return None


def write(index: faiss.Index, path: Path) -> None:
    """A file that exists is whole. A full disk is no failure."""
    try:
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as part:
            faiss.write_index(index, str(part))
    except (OSError, RuntimeError) as error:
        read_only = isinstance(error, OSError) and error.errno == errno.EROFS
        level = logging.INFO if read_only else logging.WARNING
        log.log(level, "%s: index kept in memory only (%s)", path, error)


def _fits(index: Any, base: faiss.IndexIDMap, kind: IndexKind) -> bool:
    """Whether it has the form of one of these vectors, and is one of a sample of them."""
    is_graph = kind == "hnsw" and isinstance(index, faiss.IndexHNSWSQ)
    if not is_graph and not isinstance(index, faiss.IndexScalarQuantizer):
        return False
    if (index.ntotal, index.d) != (base.ntotal, base.d):
        return False
    codes = codes_of(index)
    if (
        not isinstance(codes, faiss.IndexScalarQuantizer)
        or codes.ntotal != base.ntotal
        or index.metric_type != base.metric_type
        or codes.metric_type != base.metric_type
        or codes.sq.qtype != faiss.ScalarQuantizer.QT_8bit
        or codes.codes.size() != base.ntotal * base.d
        or codes.sq.trained.size() != 2 * base.d
    ):
        return False
    if is_graph and not _leads_inside(index.hnsw, base.ntotal):
        return False
    return holds(index, base, np.linspace(0, base.ntotal - 1, SAMPLE).astype(np.int64))


def _leads_inside(graph: Any, count: int) -> bool:
    """Whether no search of it leaves the memory of the file."""
    links, levels = faiss.vector_to_array(graph.neighbors), faiss.vector_to_array(graph.levels)
    starts = faiss.vector_to_array(graph.offsets).astype(np.int64)
    sizes = faiss.vector_to_array(graph.cum_nneighbor_per_level)
    return bool(
        (len(levels), len(starts)) == (count, count + 1)
        and (starts[0], starts[-1]) == (0, len(links))
        and (levels.min() >= 1 and levels.max() < len(sizes))
        and np.array_equal(np.diff(starts), sizes[levels])
        and (links.min() >= -1 and links.max() < count)
        and 0 <= graph.entry_point < count
        and graph.max_level == levels[graph.entry_point] - 1
    )


def holds(index: faiss.Index, base: faiss.IndexIDMap, rows: IntArray) -> bool:
    """Whether none of these vectors is farther than the error from what stands for it."""
    bounded, codes = _bounded(index), codes_of(index)
    with one_faiss_thread():  # FAISS 1.12 does not always return from its threads
        stand_ins = codes.reconstruct_batch(rows).astype(np.float64)
    off = np.linalg.norm(stand_ins - vectors_of(base)[rows], axis=1)
    return bool((off <= bounded.error + bounded.rounding(base.d)).all())


def _bounded(index: faiss.Index) -> CandidateIndex:
    """What stands for a number is at most half a step of 255 from it."""
    trained = faiss.vector_to_array(codes_of(index).sq.trained).astype(np.float64)
    least, width = np.split(trained, 2)
    step = np.abs(width) / 255
    largest = np.maximum(np.abs(least), np.abs(least + width)) + step
    error = 0.5 * np.linalg.norm(step)
    return CandidateIndex(index, float(error), float(np.linalg.norm(largest)))

"""Exact FAISS indexes, one a shard and metric, derived from the database, mapped from disk."""

from __future__ import annotations

import contextlib
import errno
import json
import logging
import sqlite3
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from engine.adaptation import Adaptation, domain_of
from engine.distances import (
    Distances,
    Metric,
    from_products,
    from_squares,
    unit_or_zero,
)
from engine.errors import GalleryError
from engine.files import replacing
from engine.galleries import _rows
from engine.galleries._shards import Shard, chosen_images, few, latest, place
from engine.parallel import one_faiss_thread
from engine.types import Embedding, FloatArray, IntArray, Neighbour

log = logging.getLogger(__name__)

INDEXES = "indexes"
# Every scan of a shard fetches at least this many, so that the vote of a classifier and the
# retrieval that follows it share one scan of the vectors.
LEAST_FETCHED = 64
_BLOCK = 1024  # rows in memory at a time


@dataclass
class ShardIndex:
    """An index file and what the shard has become since it was written, in step with ``shard``."""

    shard: Shard
    base: faiss.IndexIDMap
    recent: faiss.IndexIDMap  # of the images that changed, those that the shard holds
    changed: set[int] = field(default_factory=set)  # their rows in ``base`` are of the past

    def __len__(self) -> int:
        return int(self.base.ntotal + self.recent.ntotal)  # at least as many as there are

    def change(self, shard: Shard, ids: IntArray, held: IntArray, vectors: FloatArray) -> None:
        """Come to a later moment of the shard: images ``ids`` changed since, of which it holds
        ``held`` with these vectors."""
        if self.changed.intersection(ids.tolist()):
            self.recent.remove_ids(faiss.IDSelectorBatch(ids))
        self.recent.add_with_ids(vectors, held)
        self.changed.update(ids.tolist())
        self.shard = shard

    def rows(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """Ids and vectors of all images, in blocks."""
        for index, without in ((self.base, self.changed), (self.recent, set[int]())):
            ids, flat = faiss.vector_to_array(index.id_map), faiss.downcast_index(index.index)
            kept = ~np.isin(ids, list(without))
            for start in range(0, len(ids), _BLOCK):
                block = slice(start, min(start + _BLOCK, len(ids)))
                vectors = flat.reconstruct_n(block.start, block.stop - block.start)
                yield ids[block][kept[block]], vectors[kept[block]]


@dataclass
class _Ranking:
    """The nearest images of one shard to the last query, by (distance, id)."""

    distances: Distances
    ids: npt.NDArray[np.int64]
    complete: bool  # nothing is left beyond these


@dataclass
class ShardIndexes:
    """Opens, builds and searches the indexes of every shard; keeps the current ones open."""

    folder: Path
    dimension: int
    _open: dict[tuple[str, bool, Metric], ShardIndex] = field(default_factory=dict)
    _adaptation: tuple[int, Adaptation] | None = None  # the last one that was read
    _query: bytes = b""  # the last embedding searched for
    _rankings: dict[str, _Ranking] = field(default_factory=dict)

    def search(
        self,
        connection: sqlite3.Connection,
        shard: Shard,
        embedding: Embedding,
        k: int,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """The k nearest of one shard, ties by (distance, id); ``among``: of these ids alone."""
        if among is not None:
            index = self.index(connection, shard, metric)
            return _neighbours(_rank(index, embedding.vector, k, metric, among), k, shard)
        query = embedding.vector.tobytes()
        if query != self._query:
            self._query, self._rankings = query, {}
        name = shard.file_name(metric)
        ranking = self._rankings.get(name)
        if ranking is None or (len(ranking.ids) < k and not ranking.complete):
            index = self.index(connection, shard, metric)
            ranking = _rank(index, embedding.vector, max(k, LEAST_FETCHED), metric)
            self._rankings[name] = ranking
        return _neighbours(ranking, k, shard)

    def index(
        self, connection: sqlite3.Connection, shard: Shard, metric: Metric = "euclidean"
    ) -> ShardIndex:
        """In step with the shard: what is open or on disk, with what changed since, or built from
        the database and written to disk."""
        key = (shard.category, shard.labelled, metric)
        index = self._open.pop(key, None)  # a change that fails halfway is not searched with
        if index is None or index.shard != shard:
            index = self.derive(connection, shard, metric, index)
        self._open[key] = index
        return index

    def derive(
        self,
        connection: sqlite3.Connection,
        shard: Shard,
        metric: Metric = "euclidean",
        opened: ShardIndex | None = None,
    ) -> ShardIndex:
        """As ``index``, without keeping it open."""
        found = self.in_step(connection, shard, metric, opened)
        return self._built(connection, shard, metric) if found is None else found

    def in_step(
        self,
        connection: sqlite3.Connection,
        shard: Shard,
        metric: Metric = "euclidean",
        opened: ShardIndex | None = None,
    ) -> ShardIndex | None:
        """The latest of what was ``opened`` and of the files, with what changed since; None where
        there is nothing that the shard's log leads back to."""
        adaptation = self.adaptation(connection, shard.adapted_by)

        def find(token: str) -> ShardIndex | None:
            then = replace(shard, token=token)
            if opened is not None and opened.shard.file_name(metric) == then.file_name(metric):
                return opened
            base = self.stored(then, metric, adaptation)
            return None if base is None else ShardIndex(then, base, _empty(base))

        if (found := latest(connection, shard, find)) is None:
            return None
        index, changed = found
        held, vectors = np.empty(0, np.int64), np.empty((0, index.base.d), np.float32)
        if len(changed):
            blocks = self._vectors(connection, shard, metric, adaptation, changed)
            parts = [(held, vectors), *blocks]
            held = np.concatenate([ids for ids, _ in parts])
            vectors = np.concatenate([rows for _, rows in parts])
        index.change(shard, changed, held, vectors)
        return index

    def write(
        self, connection: sqlite3.Connection, shard: Shard, metric: Metric = "euclidean"
    ) -> None:
        """See that the index of a shard is on disk, and that few images changed since."""
        index = self.index(connection, shard, metric)
        if len(index.changed) <= few(len(index)):
            return
        merged = _empty(index.base)
        for ids, vectors in index.rows():
            merged.add_with_ids(vectors, ids)
        base = self._kept(merged, shard, metric, self.adaptation(connection, shard.adapted_by))
        self._open[shard.category, shard.labelled, metric] = ShardIndex(shard, base, _empty(base))

    def is_written(self, connection: sqlite3.Connection, shard: Shard, metric: Metric) -> bool:
        """Whether there is a file that the shard's log leads back to."""
        kind = shard.kind(shard.file_name(metric))
        files = (self.folder / INDEXES).glob(f"{shard.name}-*")
        return any(
            shard.kind(path.name) == kind and place(connection, shard, path.name) is not None
            for path in files
        )

    def adaptation(self, connection: sqlite3.Connection, version: int | None) -> Adaptation | None:
        """GalleryError for one that cannot be read."""
        if version is None:
            return None
        if self._adaptation is None or self._adaptation[0] != version:
            read = _rows.load_adaptation(connection, version, str(self.folder))
            self._adaptation = version, read
        return self._adaptation[1]

    def keep_only(self, connection: sqlite3.Connection, shards: Collection[Shard]) -> None:
        """Delete the files of the past and let go of what they map."""
        by_name, latest_files = (
            {shard.name: shard for shard in shards},
            dict[str, tuple[int, Path]](),
        )
        paths = list((self.folder / INDEXES).glob("*"))
        for path in paths:
            shard = by_name.get("-".join(path.name.split("-")[:2]))
            if shard is None or shard.kind(path.name) not in shard.kinds:
                continue
            if (found := place(connection, shard, path.name)) is not None:
                kind = f"{shard.name}{shard.kind(path.name)}"
                latest_files[kind] = max(latest_files.get(kind, (-1, path)), (found, path))
        current = {(shard.category, shard.labelled) for shard in shards}
        self._open = {key: value for key, value in self._open.items() if key[:2] in current}
        for path in set(paths) - {path for _, path in latest_files.values()}:
            with contextlib.suppress(OSError):
                path.unlink()

    def stored(
        self, shard: Shard, metric: Metric = "euclidean", adaptation: Adaptation | None = None
    ) -> faiss.IndexIDMap | None:
        """The index file of this moment of the shard, if it exists and is whole."""
        path = self.folder / INDEXES / shard.file_name(metric)
        if not path.is_file():
            return None
        try:
            # IO_FLAG_MMAP_IFC maps flat indexes; IO_FLAG_MMAP reads them into memory.
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            log.warning("%s: damaged index, rebuilt from the database (%s)", path, error)
            return None
        kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        dimension = self.dimension if adaptation is None else adaptation.dimension
        fits = index.d == dimension and index.metric_type == kind
        if not isinstance(index, faiss.IndexIDMap) or not fits:
            log.warning("%s: index of another kind, rebuilt from the database", path)
            return None
        return index

    def _built(self, connection: sqlite3.Connection, shard: Shard, metric: Metric) -> ShardIndex:
        adaptation = self.adaptation(connection, shard.adapted_by)
        flat = faiss.IndexFlatL2 if metric == "euclidean" else faiss.IndexFlatIP
        index = faiss.IndexIDMap(
            flat(self.dimension if adaptation is None else adaptation.dimension)
        )
        for ids, vectors in self._vectors(connection, shard, metric, adaptation):
            index.add_with_ids(vectors, ids)
        base = self._kept(index, shard, metric, adaptation)
        return ShardIndex(shard, base, _empty(base))

    def _kept(
        self,
        index: faiss.IndexIDMap,
        shard: Shard,
        metric: Metric,
        adaptation: Adaptation | None,
    ) -> faiss.IndexIDMap:
        """Written and mapped. A file that exists is whole. A full disk is no failure."""
        target = self.folder / INDEXES / shard.file_name(metric)
        try:
            target.parent.mkdir(exist_ok=True)
            with replacing(target) as part:
                faiss.write_index(index, str(part))
        except (OSError, RuntimeError) as error:
            read_only = isinstance(error, OSError) and error.errno == errno.EROFS
            level = logging.INFO if read_only else logging.WARNING
            log.log(level, "%s: index kept in memory only (%s)", target, error)
        return self.stored(shard, metric, adaptation) or index

    def _vectors(
        self,
        connection: sqlite3.Connection,
        shard: Shard,
        metric: Metric,
        adaptation: Adaptation | None,
        among: IntArray | None = None,
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        try:
            yield from shard_vectors(connection, shard, self.dimension, metric, adaptation, among)
        except ValueError as error:
            raise GalleryError(
                f"{self.folder}: {error}.",
                remedy=f"List all that is damaged with: packsight gallery check {self.folder}",
            ) from error


def shard_vectors(
    connection: sqlite3.Connection,
    shard: Shard,
    dimension: int,
    metric: Metric = "euclidean",
    adaptation: Adaptation | None = None,
    among: IntArray | None = None,
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Ids in ascending order, and the embeddings as they are adapted, for cosine brought to length
    1; ``among``: of these images alone. In blocks.

    Raises ValueError naming an image whose stored vector has another length.
    """
    tables, values = ("images", []) if among is None else chosen_images(among)
    rows = connection.execute(
        f"SELECT images.id, embedding, attributes FROM {tables} JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (*values, shard.category, int(shard.labelled)),
    )
    while block := rows.fetchmany(_BLOCK):
        for identity, blob, _ in block:
            if len(blob) != 4 * dimension:
                raise ValueError(f"image {identity} has a vector of {len(blob)} bytes")
        ids = np.array([row[0] for row in block], np.int64)
        blobs = np.frombuffer(b"".join(row[1] for row in block), "<f4")
        vectors = blobs.reshape(len(ids), dimension).astype(np.float32)
        if adaptation is not None:
            domains = [domain_of(json.loads(attributes)) for _, _, attributes in block]
            vectors = adaptation.adapted(vectors, domains)
        yield ids, unit_or_zero(vectors) if metric == "cosine" else vectors


def _empty(like: faiss.IndexIDMap) -> faiss.IndexIDMap:
    flat = faiss.IndexFlatL2 if like.metric_type == faiss.METRIC_L2 else faiss.IndexFlatIP
    return faiss.IndexIDMap(flat(like.d))


def _neighbours(ranking: _Ranking, k: int, shard: Shard) -> list[Neighbour]:
    rows = zip(ranking.distances[:k].tolist(), ranking.ids[:k].tolist(), strict=True)
    return [Neighbour(identity, distance, shard.category) for distance, identity in rows]


def _rank(
    index: ShardIndex,
    vector: FloatArray,
    k: int,
    metric: Metric,
    among: IntArray | None = None,
) -> _Ranking:
    """The nearest k by (distance, id), with every tie of the last one resolved exactly."""
    query = unit_or_zero(vector[None]) if metric == "cosine" else vector[None]
    written = _rank_one(index.base, query, k, metric, among, index.changed)
    if not index.recent.ntotal:
        return written
    recent = _rank_one(index.recent, query, k, metric, among)
    distances = np.concatenate([written.distances, recent.distances])
    ids = np.concatenate([written.ids, recent.ids])
    complete = written.complete and recent.complete
    order = np.lexsort((ids, distances))
    order = order if complete else order[:k]
    return _Ranking(distances[order], ids[order], complete)


def _rank_one(
    index: faiss.IndexIDMap,
    query: FloatArray,
    k: int,
    metric: Metric,
    among: IntArray | None,
    without: Collection[int] = (),
) -> _Ranking:
    """Of one index, but for the images ``without``."""
    chosen = None
    if among is not None:
        chosen = faiss.SearchParameters(sel=faiss.IDSelectorBatch(among))  # type: ignore[call-arg]
    fetch = min(k + 1, index.ntotal)
    while True:
        if fetch == 0:
            return _Ranking(np.empty(0), np.empty(0, np.int64), complete=True)
        with one_faiss_thread():
            values, ids = index.search(query, fetch, params=chosen)
        distances = from_squares(values) if metric == "euclidean" else from_products(values, metric)
        found = ids[0] >= 0  # FAISS fills up with -1 where fewer are chosen
        complete = fetch == index.ntotal or not found.all()
        last = distances[0][-1]
        if without:
            found &= np.array([identity not in without for identity in ids[0].tolist()])
        order = np.lexsort((ids[0][found], distances[0][found]))
        near, names = distances[0][found][order], ids[0][found][order]
        if complete:
            return _Ranking(near, names, complete=True)
        # FAISS may have dropped an equal distance with a smaller id: go on past the tie.
        if len(near) >= k and near[k - 1] < last:
            return _Ranking(near[:k], names[:k], complete=False)
        fetch = min(fetch * 2, index.ntotal)

"""Exact FAISS indexes, one a shard and metric, derived from the database, mapped from disk."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import logging
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from engine.adaptation import Adaptation, domain_of
from engine.distances import (
    METRICS,
    Distances,
    Metric,
    from_products,
    from_squares,
    unit_or_zero,
)
from engine.errors import GalleryError
from engine.files import replacing
from engine.galleries import _rows
from engine.parallel import one_faiss_thread
from engine.types import Embedding, FloatArray, IntArray, Neighbour

log = logging.getLogger(__name__)

INDEXES = "indexes"
# Every scan of a shard fetches at least this many, so that the vote of a classifier and the
# retrieval that follows it share one scan of the vectors.
LEAST_FETCHED = 64


@dataclass(frozen=True)
class Shard:
    """The labelled (or predicted) images of one category, at one moment of its history."""

    category: str
    labelled: bool
    token: str
    adapted_by: int | None = None  # the version of the adaptation that its index is derived by

    def file_name(self, metric: Metric = "euclidean") -> str:
        """Of the index for a metric; that of Euclidean distance has no further name."""
        digest = hashlib.sha256(self.category.encode()).hexdigest()[:16]
        suffix = "" if metric == "euclidean" else f"-{metric}"
        by = "" if self.adapted_by is None else f"-a{self.adapted_by}"
        return f"{digest}-{int(self.labelled)}-{self.token}{by}{suffix}.faiss"

    @property
    def words_name(self) -> str:
        """Of the inverted lists of its keypoints, which no adaptation changes."""
        digest = hashlib.sha256(self.category.encode()).hexdigest()[:16]
        return f"{digest}-{int(self.labelled)}-{self.token}.words"


@dataclass
class _Ranking:
    """The nearest images of one shard to the last query, by (distance, id)."""

    distances: Distances
    ids: npt.NDArray[np.int64]
    complete: bool  # nothing is left beyond these


def read_shards(connection: sqlite3.Connection) -> list[Shard]:
    """All that the database lists, by category, those without labels first."""
    by = _rows.adapted_by(connection)
    rows = connection.execute(
        "SELECT category, labelled, token FROM shards ORDER BY category, labelled"
    )
    return [Shard(category, bool(labelled), token, by) for category, labelled, token in rows]


@dataclass
class ShardIndexes:
    """Opens, builds and searches the indexes of every shard; keeps the current ones open."""

    folder: Path
    dimension: int
    _open: dict[tuple[str, bool, Metric], tuple[str, faiss.IndexIDMap]] = field(
        default_factory=dict
    )
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
    ) -> faiss.IndexIDMap:
        """The index in step with the shard: open, on disk, or built from the database."""
        key, name = (shard.category, shard.labelled, metric), shard.file_name(metric)
        opened, index = self._open.get(key, ("", None))
        if index is not None and opened == name:
            return index
        index = self.build(connection, shard, metric)
        self._open[key] = (name, index)
        return index

    def build(
        self, connection: sqlite3.Connection, shard: Shard, metric: Metric = "euclidean"
    ) -> faiss.IndexIDMap:
        """The index on disk, written there if it was not."""
        adaptation = self.adaptation(connection, shard.adapted_by)
        index = self.stored(shard, metric, adaptation)
        if index is None:
            built = self._built(connection, shard, metric, adaptation)
            self._write(built, shard.file_name(metric))
            index = self.stored(shard, metric, adaptation) or built
        return index

    def adaptation(self, connection: sqlite3.Connection, version: int | None) -> Adaptation | None:
        """GalleryError for one that cannot be read."""
        if version is None:
            return None
        if self._adaptation is None or self._adaptation[0] != version:
            read = _rows.load_adaptation(connection, version, str(self.folder))
            self._adaptation = version, read
        return self._adaptation[1]

    def _built(
        self,
        connection: sqlite3.Connection,
        shard: Shard,
        metric: Metric,
        adaptation: Adaptation | None,
    ) -> faiss.IndexIDMap:
        try:
            return build_index(connection, shard, self.dimension, metric, adaptation)
        except ValueError as error:
            raise GalleryError(
                f"{self.folder}: {error}.",
                remedy=f"List all that is damaged with: packsight gallery check {self.folder}",
            ) from error

    def keep_only(self, shards: list[Shard]) -> None:
        """Delete the index files of the past and let go of what they map."""
        wanted = {shard.file_name(metric) for shard in shards for metric in METRICS}
        wanted |= {shard.words_name for shard in shards}
        current = {(shard.category, shard.labelled) for shard in shards}
        self._open = {key: value for key, value in self._open.items() if key[:2] in current}
        for path in (self.folder / INDEXES).glob("*"):
            if path.name not in wanted:
                with contextlib.suppress(OSError):
                    path.unlink()

    def stored(
        self, shard: Shard, metric: Metric = "euclidean", adaptation: Adaptation | None = None
    ) -> faiss.IndexIDMap | None:
        """The index file in step with the shard, if it exists and is whole."""
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

    def _write(self, index: faiss.IndexIDMap, file_name: str) -> None:
        """A file that exists is whole. A full disk is no failure."""
        target = self.folder / INDEXES / file_name
        try:
            target.parent.mkdir(exist_ok=True)
            with replacing(target) as part:
                faiss.write_index(index, str(part))
        except (OSError, RuntimeError) as error:
            read_only = isinstance(error, OSError) and error.errno == errno.EROFS
            level = logging.INFO if read_only else logging.WARNING
            log.log(level, "%s: index kept in memory only (%s)", target, error)


def build_index(
    connection: sqlite3.Connection,
    shard: Shard,
    dimension: int,
    metric: Metric = "euclidean",
    adaptation: Adaptation | None = None,
) -> faiss.IndexIDMap:
    """An exact index of the shard's embeddings, as they are adapted, under their record ids:
    squared L2, or inner products, for cosine those of the rows brought to length 1.

    Raises ValueError naming an image whose stored vector has another length.
    """
    flat = faiss.IndexFlatL2 if metric == "euclidean" else faiss.IndexFlatIP
    index = faiss.IndexIDMap(flat(dimension if adaptation is None else adaptation.dimension))
    rows = connection.execute(
        "SELECT images.id, embedding, attributes FROM images JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (shard.category, int(shard.labelled)),
    )
    while chunk := rows.fetchmany(1024):
        for identity, blob, _ in chunk:
            if len(blob) != 4 * dimension:
                raise ValueError(f"image {identity} has a vector of {len(blob)} bytes")
        ids = np.array([row[0] for row in chunk], np.int64)
        blobs = np.frombuffer(b"".join(row[1] for row in chunk), "<f4")
        vectors = blobs.reshape(len(ids), dimension).astype(np.float32)
        if adaptation is not None:
            domains = [domain_of(json.loads(attributes)) for _, _, attributes in chunk]
            vectors = adaptation.adapted(vectors, domains)
        index.add_with_ids(unit_or_zero(vectors) if metric == "cosine" else vectors, ids)
    return index


def _neighbours(ranking: _Ranking, k: int, shard: Shard) -> list[Neighbour]:
    rows = zip(ranking.distances[:k].tolist(), ranking.ids[:k].tolist(), strict=True)
    return [Neighbour(identity, distance, shard.category) for distance, identity in rows]


def _rank(
    index: faiss.IndexIDMap,
    vector: FloatArray,
    k: int,
    metric: Metric,
    among: IntArray | None = None,
) -> _Ranking:
    """The nearest k by (distance, id), with every tie of the last one resolved exactly."""
    query = unit_or_zero(vector[None]) if metric == "cosine" else vector[None]
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
        order = np.lexsort((ids[0][found], distances[0][found]))
        near, names = distances[0][found][order], ids[0][found][order]
        if fetch == index.ntotal or not found.all():
            return _Ranking(near, names, complete=True)
        # FAISS may have dropped an equal distance with a smaller id: go on past the tie.
        if near[k - 1] < near[-1]:
            return _Ranking(near[:k], names[:k], complete=False)
        fetch = min(fetch * 2, index.ntotal)

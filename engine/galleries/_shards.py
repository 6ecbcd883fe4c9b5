"""Exact FAISS indexes, one a shard, derived from the database and memory-mapped from disk."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import sqlite3
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from engine.errors import GalleryError
from engine.types import Embedding, Neighbour

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

    @property
    def file_name(self) -> str:
        digest = hashlib.sha256(self.category.encode()).hexdigest()[:16]
        return f"{digest}-{int(self.labelled)}-{self.token}.faiss"


@dataclass
class _Ranking:
    """The nearest images of one shard to the last embedding asked for, by (distance, id)."""

    distances: npt.NDArray[np.float64]
    ids: npt.NDArray[np.int64]
    complete: bool  # nothing is left beyond these


@dataclass
class ShardIndexes:
    """Opens, builds and searches the index of every shard; keeps the current ones open."""

    folder: Path
    dimension: int
    _open: dict[tuple[str, bool], tuple[str, faiss.IndexIDMap]] = field(default_factory=dict)
    _asked: bytes = b""
    _rankings: dict[str, _Ranking] = field(default_factory=dict)

    def search(
        self, connection: sqlite3.Connection, shard: Shard, embedding: Embedding, k: int
    ) -> list[Neighbour]:
        """The k nearest of one shard, ties by (distance, id)."""
        asked = embedding.vector.tobytes()
        if asked != self._asked:
            self._asked, self._rankings = asked, {}
        ranking = self._rankings.get(shard.file_name)
        if ranking is None or (len(ranking.ids) < k and not ranking.complete):
            index = self.index(connection, shard)
            ranking = _rank(index, embedding.vector, max(k, LEAST_FETCHED))
            self._rankings[shard.file_name] = ranking
        rows = zip(ranking.distances[:k].tolist(), ranking.ids[:k].tolist(), strict=True)
        return [Neighbour(identity, distance, shard.category) for distance, identity in rows]

    def index(self, connection: sqlite3.Connection, shard: Shard) -> faiss.IndexIDMap:
        """The index in step with the shard: open, on disk, or built from the database."""
        key = (shard.category, shard.labelled)
        token, index = self._open.get(key, ("", None))
        if index is not None and token == shard.token:
            return index
        index = self.stored(shard)
        if index is None:
            built = self._built(connection, shard)
            self._write(built, shard)
            index = self.stored(shard) or built
        self._open[key] = (shard.token, index)
        return index

    def _built(self, connection: sqlite3.Connection, shard: Shard) -> faiss.IndexIDMap:
        try:
            return build_index(connection, shard, self.dimension)
        except ValueError as error:
            raise GalleryError(
                f"{self.folder}: {error}.",
                remedy=f"List all that is damaged with: packsight gallery check {self.folder}",
            ) from error

    def keep_only(self, shards: list[Shard]) -> None:
        """Delete the index files of the past and let go of what they map."""
        wanted = {shard.file_name for shard in shards}
        current = {(shard.category, shard.labelled) for shard in shards}
        self._open = {key: value for key, value in self._open.items() if key in current}
        for path in (self.folder / INDEXES).glob("*"):
            if path.name not in wanted:
                with contextlib.suppress(OSError):
                    path.unlink()

    def stored(self, shard: Shard) -> faiss.IndexIDMap | None:
        """The index file in step with the shard, if it exists and is whole."""
        path = self.folder / INDEXES / shard.file_name
        if not path.is_file():
            return None
        try:
            # IO_FLAG_MMAP_IFC maps flat indexes; IO_FLAG_MMAP reads them into memory.
            index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        except RuntimeError as error:
            log.warning("%s: damaged index, rebuilt from the database (%s)", path, error)
            return None
        if not isinstance(index, faiss.IndexIDMap) or index.d != self.dimension:
            log.warning("%s: index of another kind, rebuilt from the database", path)
            return None
        return index

    def _write(self, index: faiss.IndexIDMap, shard: Shard) -> None:
        """Write beside, then rename: a file that exists is whole. No space is no failure."""
        target = self.folder / INDEXES / shard.file_name
        part = target.with_suffix(f".{uuid.uuid4().hex[:8]}.part")
        try:
            target.parent.mkdir(exist_ok=True)
            faiss.write_index(index, str(part))
            with part.open("rb") as written:
                os.fsync(written.fileno())
            part.replace(target)
        except (OSError, RuntimeError) as error:
            log.warning("%s: index kept in memory only (%s)", target, error)
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def build_index(connection: sqlite3.Connection, shard: Shard, dimension: int) -> faiss.IndexIDMap:
    """An exact L2 index of the shard's embeddings under their record ids.

    Raises ValueError naming an image whose stored vector has another length.
    """
    index = faiss.IndexIDMap(faiss.IndexFlatL2(dimension))
    rows = connection.execute(
        "SELECT images.id, embedding FROM images JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (shard.category, int(shard.labelled)),
    )
    while chunk := rows.fetchmany(1024):
        for identity, blob in chunk:
            if len(blob) != 4 * dimension:
                raise ValueError(f"image {identity} has a vector of {len(blob)} bytes")
        ids = np.array([row[0] for row in chunk], np.int64)
        vectors = np.frombuffer(b"".join(row[1] for row in chunk), "<f4")
        index.add_with_ids(vectors.reshape(len(ids), dimension).astype(np.float32), ids)
    return index


def _rank(index: faiss.IndexIDMap, vector: npt.NDArray[np.float32], k: int) -> _Ranking:
    """The nearest k by (distance, id), with every tie of the last one resolved exactly."""
    fetch = min(k + 1, index.ntotal)
    while True:
        if fetch == 0:
            return _Ranking(np.empty(0), np.empty(0, np.int64), complete=True)
        with _one_thread():
            squared, ids = index.search(vector[None], fetch)
        order = np.lexsort((ids[0], squared[0]))
        squared, found = squared[0][order], ids[0][order]
        if fetch == index.ntotal:
            return _Ranking(_root(squared), found, complete=True)
        # FAISS may have dropped an equal distance with a smaller id: go on past the tie.
        if squared[k - 1] < squared[-1]:
            return _Ranking(_root(squared[:k]), found[:k], complete=False)
        fetch = min(fetch * 2, index.ntotal)


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One query gains nothing from a second thread, and waking one up on a busy machine cost

    16 ms a shard against 0.02 ms without it (a shard of 21 images, two cores, load above 10).
    """
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


def _root(squared: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    # FAISS L2 is squared; rounding may leave a hair below zero.
    return np.sqrt(np.maximum(squared.astype(np.float64), 0.0))

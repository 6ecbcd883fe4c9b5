"""FAISS indexes, one a shard and metric, derived from the database, mapped from disk."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from shlex import quote

import faiss
import numpy as np

from engine.adaptation import Adaptation
from engine.config import INDEX_KINDS, IndexKind
from engine.distances import Metric, unit_or_zero
from engine.errors import GalleryError
from engine.files import is_being_written
from engine.galleries import _candidates, _rows
from engine.galleries._candidates import CandidateIndex
from engine.galleries._connection import Connection, Row
from engine.galleries._ranking import Ranking, Rows, rank
from engine.galleries._shards import EXACT, WORDS, Shard, chosen_images, few, latest, place
from engine.parallel import ahead, each
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
    path: Path  # of the file of ``base``, which may be missing
    recent: faiss.IndexIDMap  # of the images that changed, those that the shard holds
    changed: set[int] = field(default_factory=set)  # their rows in ``base`` are of the past
    candidates: dict[IndexKind, CandidateIndex | None] = field(default_factory=dict)

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

    def searched(self, kind: IndexKind) -> list[Rows]:
        """What a search for the nearest looks through."""
        base = _mapped(self.base, self.changed, self.candidates.get(kind))
        return [base, _mapped(self.recent)] if self.recent.ntotal else [base]

    def rows(self) -> Iterator[tuple[IntArray, FloatArray]]:
        """Ids in ascending order and vectors of all images, in blocks."""
        base, recent = _mapped(self.base), _mapped(self.recent)
        kept = np.flatnonzero(~np.isin(base.ids, list(self.changed)))
        places = np.concatenate([kept, len(base) + np.arange(len(recent))])
        ids = np.concatenate([base.ids[kept], recent.ids])
        order = np.argsort(ids)
        for start in range(0, len(ids), _BLOCK):
            block = order[start : start + _BLOCK]
            old = (at := places[block]) < len(base)
            vectors = np.empty((len(block), self.base.d), np.float32)
            vectors[old] = base.vectors[at[old]]
            vectors[~old] = recent.vectors[at[~old] - len(base)]
            yield ids[block], vectors


@dataclass
class ShardIndexes:
    """Opens, builds and searches the indexes of every shard; keeps the current ones open."""

    folder: Path
    dimension: int
    kind: IndexKind = "exact"
    threads: int = 1  # that share a search
    _open: dict[tuple[str, bool, Metric], ShardIndex] = field(default_factory=dict)
    _adaptation: tuple[int, Adaptation] | None = None  # the last one that was read
    _query: bytes = b""  # the last embedding searched for
    _rankings: dict[str, Ranking] = field(default_factory=dict)
    _noted: bool = False  # that graphs are missing
    written: int = 0  # files, since it was opened

    @property
    def outgrown(self) -> bool:
        """Whether an index that is open has more changes than are few."""
        return any(len(one.changed) > few(len(one)) for one in self._open.values())

    @property
    def bytes(self) -> int:
        """Of all files."""
        sizes = 0
        for path in (self.folder / INDEXES).glob("*"):
            with contextlib.suppress(OSError):  # one of the past was just deleted
                sizes += path.stat().st_size
        return sizes

    @property
    def searched(self) -> IndexKind:
        """By what: codes are derived where they are missing, graphs are not."""
        graphs = self.kind != "hnsw" or any((self.folder / INDEXES).glob("*.hnsw"))
        return self.kind if graphs else "exact"

    def merge(self, connection: Connection, shard: Shard) -> None:
        """As ``write``, of the indexes of a shard that are open."""
        for category, labelled, metric in list(self._open):
            if (category, labelled) == (shard.category, shard.labelled):
                self.write(connection, shard, metric)

    def search_by(self, kind: IndexKind, threads: int) -> None:
        """From now on."""
        self.kind, self.threads = kind, threads
        self._query = b""

    def search(
        self,
        connection: Connection,
        shards: Sequence[Shard],
        embedding: Embedding,
        k: int,
        metric: Metric = "euclidean",
        among: IntArray | None = None,
    ) -> list[Neighbour]:
        """The k nearest of these shards, ties by (distance, id); ``among``: of these ids alone."""
        query = embedding.vector[None]
        query = unit_or_zero(query) if metric == "cosine" else query
        if among is not None:
            indexes = [self.index(connection, shard, metric) for shard in shards]
            searched = [index.searched("exact") for index in indexes]
            found = rank(searched, query, k, metric, np.sort(among), self.threads)
        else:
            found = self._ranked(connection, shards, query, k, metric)
        return _neighbours(shards, found, k)

    def _ranked(
        self,
        connection: Connection,
        shards: Sequence[Shard],
        query: FloatArray,
        k: int,
        metric: Metric,
    ) -> list[Ranking]:
        """Of every shard at least the first k, as they are known from the last search for this
        vector, or more for the next one."""
        if query.tobytes() != self._query:
            self._query, self._rankings = query.tobytes(), {}
        names = [shard.file_name(metric) for shard in shards]
        known = {name: self._rankings.get(name) for name in names}
        lacking = {
            name: shard
            for name, shard in zip(names, shards, strict=True)
            if (one := known[name]) is None or (len(one.ids) < k and not one.complete)
        }
        # One thread has the connection: the indexes are in step before others read them.
        indexes = [self.index(connection, shard, metric) for shard in lacking.values()]
        for index in indexes:
            self._open_candidates(index, metric)
        searched = [index.searched(self.kind) for index in indexes]
        found = rank(searched, query, max(k, LEAST_FETCHED), metric, threads=self.threads)
        self._rankings |= dict(zip(lacking, found, strict=True))
        return [self._rankings[name] for name in names]

    def index(
        self, connection: Connection, shard: Shard, metric: Metric = "euclidean"
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
        connection: Connection,
        shard: Shard,
        metric: Metric = "euclidean",
        opened: ShardIndex | None = None,
    ) -> ShardIndex:
        """As ``index``, without keeping it open."""
        found = self.in_step(connection, shard, metric, opened)
        return self._built(connection, shard, metric) if found is None else found

    def in_step(
        self,
        connection: Connection,
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
            path = self._path(then, metric)
            return None if base is None else ShardIndex(then, base, path, _empty(base))

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

    def write(self, connection: Connection, shard: Shard, metric: Metric = "euclidean") -> None:
        """See that the index of a shard is on disk, and that few images changed since."""
        index = self.index(connection, shard, metric)
        if len(index.changed) > few(len(index)):
            merged = _empty(index.base)
            for ids, vectors in index.rows():
                merged.add_with_ids(vectors, ids)
            adaptation = self.adaptation(connection, shard.adapted_by)
            index = self._kept(merged, shard, metric, adaptation)
            self._open[shard.category, shard.labelled, metric] = index

    def write_candidates(self) -> None:
        """See that codes and graphs of the indexes that are open are on disk: of the kind that is
        searched by, and of those that there are files of."""
        written = {path.suffix for path in (self.folder / INDEXES).glob("*")}
        wanted = [kind for kind in INDEX_KINDS[1:] if kind == self.kind or f".{kind}" in written]
        pairs = [(key[2], index, kind) for key, index in self._open.items() for kind in wanted]

        def write(lacking: tuple[Metric, ShardIndex, IndexKind]) -> None:
            metric, index, kind = lacking
            if index.candidates.get(kind) is None:
                index.candidates[kind] = _candidates.derived(index.base, index.path, kind, metric)

        each(write, pairs, threads=self.threads)

    def is_written(self, connection: Connection, shard: Shard, metric: Metric) -> bool:
        """Whether there is a file that the shard's log leads back to."""
        kind = shard.kind(shard.file_name(metric))
        files = (self.folder / INDEXES).glob(f"{shard.name}-*")
        return any(
            shard.kind(path.name) == kind and place(connection, shard, path.name) is not None
            for path in files
        )

    def adaptation(self, connection: Connection, version: int | None) -> Adaptation | None:
        """GalleryError for one that cannot be read."""
        if version is None:
            return None
        if self._adaptation is None or self._adaptation[0] != version:
            read = _rows.load_adaptation(connection, version, str(self.folder))
            self._adaptation = version, read
        return self._adaptation[1]

    def keep_only(self, connection: Connection, shards: Collection[Shard]) -> None:
        """Delete the files of the past and let go of what they map."""
        by_name, latest_files = (
            {shard.name: shard for shard in shards},
            dict[str, tuple[int, Path]](),
        )
        paths = [path for path in (self.folder / INDEXES).glob("*") if not is_being_written(path)]
        for path in paths:
            shard = by_name.get("-".join(path.name.split("-")[:2]))
            if shard is None or shard.kind(path.name) not in shard.kinds:
                continue
            if (found := place(connection, shard, path.name)) is not None:
                kind = f"{shard.name}{shard.kind(path.name)}"
                latest_files[kind] = max(latest_files.get(kind, (-1, path)), (found, path))
        current = {(shard.category, shard.labelled) for shard in shards}
        self._open = {key: value for key, value in self._open.items() if key[:2] in current}
        kept = {path for _, path in latest_files.values()}
        # Codes and graphs are of one file of vectors.
        gone = {path.with_suffix(EXACT) for path in paths} - kept
        kept = {
            path for path in kept if path.suffix == WORDS or path.with_suffix(EXACT) not in gone
        }
        for path in set(paths) - kept:
            with contextlib.suppress(OSError):
                path.unlink()

    def stored(
        self, shard: Shard, metric: Metric = "euclidean", adaptation: Adaptation | None = None
    ) -> faiss.IndexIDMap | None:
        """The index file of this moment of the shard, if it exists and is whole."""
        path = self._path(shard, metric)
        if (index := _candidates.mapped(path)) is None:
            return None
        kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        dimension = self.dimension if adaptation is None else adaptation.dimension
        fits = index.d == dimension and index.metric_type == kind
        if not isinstance(index, faiss.IndexIDMap) or not fits:
            log.warning("%s: index of another kind, rebuilt from the database", path)
            return None
        return index

    def _built(self, connection: Connection, shard: Shard, metric: Metric) -> ShardIndex:
        adaptation = self.adaptation(connection, shard.adapted_by)
        flat = faiss.IndexFlatL2 if metric == "euclidean" else faiss.IndexFlatIP
        index = faiss.IndexIDMap(
            flat(self.dimension if adaptation is None else adaptation.dimension)
        )
        # Room for all of them at once: to grow would copy them again and again.
        codes = faiss.downcast_index(index.index).codes  # type: ignore[attr-defined]
        codes.resize((shard.images or 0) * index.d * 4)
        codes.resize(0)
        for ids, vectors in self._vectors(connection, shard, metric, adaptation):
            index.add_with_ids(vectors, ids)
        return self._kept(index, shard, metric, adaptation)

    def _kept(
        self,
        index: faiss.IndexIDMap,
        shard: Shard,
        metric: Metric,
        adaptation: Adaptation | None,
    ) -> ShardIndex:
        """Written and mapped."""
        path = self._path(shard, metric)
        _candidates.write(index, path)
        self.written += 1
        base = self.stored(shard, metric, adaptation) or index
        return ShardIndex(shard, base, path, _empty(base))

    def _path(self, shard: Shard, metric: Metric) -> Path:
        return self.folder / INDEXES / shard.file_name(metric)

    def _open_candidates(self, index: ShardIndex, metric: Metric) -> None:
        """Codes are derived where there is no file of them; graphs take minutes."""
        if self.kind == "exact" or self.kind in index.candidates:
            return
        if self.kind == "sq8":
            found = _candidates.derived(index.base, index.path, self.kind, metric)
        else:
            found = _candidates.stored(index.base, index.path, self.kind)
            large = index.base.ntotal >= _candidates.LEAST
            if found is None and large and not self._noted:
                self._noted = True
                log.warning(
                    "%s: searched exactly: it has no graphs yet. They are made by: packsight "
                    "ingest FOLDER --gallery %s --set search.index=hnsw",
                    self.folder,
                    self.folder,
                )
        index.candidates[self.kind] = found

    def _vectors(
        self,
        connection: Connection,
        shard: Shard,
        metric: Metric,
        adaptation: Adaptation | None,
        among: IntArray | None = None,
    ) -> Iterator[tuple[IntArray, FloatArray]]:
        try:
            yield from shard_vectors(
                connection, shard, self.dimension, metric, adaptation, among, self.threads
            )
        except ValueError as error:
            raise GalleryError(
                f"{self.folder}: {error}.",
                remedy="List all that is damaged with: packsight gallery check "
                f"{quote(str(self.folder))}",
            ) from error


def shard_vectors(
    connection: Connection,
    shard: Shard,
    dimension: int,
    metric: Metric = "euclidean",
    adaptation: Adaptation | None = None,
    among: IntArray | None = None,
    threads: int = 1,
) -> Iterator[tuple[IntArray, FloatArray]]:
    """Ids in ascending order, and the embeddings as they are adapted, for cosine brought to length
    1; ``among``: of these images alone. In blocks, which so many threads adapt while this one
    reads.

    Raises ValueError naming an image whose stored vector has another length.
    """
    tables, values = ("images", []) if among is None else chosen_images(among)
    rows = connection.stream(
        f"SELECT images.id, embedding, attributes FROM {tables} JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (*values, shard.category, int(shard.labelled)),
    )

    def compared(block: list[Row]) -> tuple[IntArray, FloatArray]:
        for identity, blob, _ in block:
            if len(blob) != 4 * dimension:
                raise ValueError(f"image {identity} has a vector of {len(blob)} bytes")
        ids = np.array([row[0] for row in block], np.int64)
        blobs = np.frombuffer(b"".join(row[1] for row in block), "<f4")
        vectors = blobs.reshape(len(ids), dimension).astype(np.float32)
        if adaptation is not None:
            domains = [_rows.domain(attributes) for _, _, attributes in block]
            vectors = adaptation.adapted(vectors, domains)
        return ids, unit_or_zero(vectors) if metric == "cosine" else vectors

    blocks = iter(lambda: rows.fetchmany(_BLOCK), [])
    if adaptation is None or among is not None or threads == 1:
        yield from map(compared, blocks)
    else:
        yield from (made.result() for _, made in ahead(compared, blocks, at_once=threads))


def _empty(like: faiss.IndexIDMap) -> faiss.IndexIDMap:
    flat = faiss.IndexFlatL2 if like.metric_type == faiss.METRIC_L2 else faiss.IndexFlatIP
    return faiss.IndexIDMap(flat(like.d))


def _mapped(
    index: faiss.IndexIDMap,
    without: Collection[int] = (),
    candidates: CandidateIndex | None = None,
) -> Rows:
    """All rows, where they lie in memory or in the file: for as long as the index is there."""
    if not index.ntotal:
        return Rows(np.empty(0, np.int64), _candidates.vectors_of(index))
    ids = faiss.rev_swig_ptr(index.id_map.data(), index.ntotal)
    return Rows(ids, _candidates.vectors_of(index), 0, without, candidates)


def _neighbours(shards: Sequence[Shard], found: Sequence[Ranking], k: int) -> list[Neighbour]:
    first = Ranking.of(found, k)
    category = {
        identity: shard.category
        for shard, ranking in zip(shards, found, strict=True)
        for identity in ranking.ids.tolist()
    }
    pairs = zip(first.distances[:k].tolist(), first.ids[:k].tolist(), strict=True)
    return [Neighbour(identity, distance, category[identity]) for distance, identity in pairs]

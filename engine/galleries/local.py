"""A gallery in one directory: SQLite is the only source of truth, FAISS indexes derive from it."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Self

from filelock import FileLock

from engine.config import INDEX_KINDS
from engine.distances import METRICS
from engine.errors import GalleryError
from engine.files import write_whole
from engine.galleries import _folder, _generations, _query_file, _rows, _schema
from engine.galleries._connection import Connection
from engine.galleries._database import FileDatabase
from engine.galleries._faiss_indexes import ShardIndexes
from engine.galleries._shards import Shard
from engine.galleries._word_indexes import WordIndexes
from engine.galleries._writing import Writing
from engine.galleries.audit import audit, audit_indexes
from engine.galleries.tables import TableGallery
from engine.manifest import Generations, Manifest
from engine.protocols import KeypointMatcher, ReportKind
from engine.query_statistics import QueryStatistics
from engine.types import FloatArray, Storage


class LocalGallery(TableGallery):
    """Open with ``create``, ``open`` or ``open_or_create``; use as a context manager.

    Any number of processes may read; one may write, and holds the writer's lock from opening to
    closing. Every read runs on one snapshot; ``snapshot`` spans several. Methods may be called
    from several threads, one at a time.
    """

    def __init__(
        self, folder: Path, connection: Connection, lock: FileLock | None, address: Path
    ) -> None:
        self.folder = folder  # of its generation
        self._address = address
        self._connection = connection
        self._lock = lock
        self._guard = threading.RLock()
        self._depth = 0  # of nested transactions; SQLite sees the outermost alone
        # On a read-only medium SQLite would not notice a write.
        self._stamp = _schema.stamp(folder) if _schema.is_frozen(folder) else None
        with self._reading():
            rows = connection.execute(_rows.MANIFEST).fetchall()
        self.manifest = Manifest.from_rows(rows, str(folder))
        self._indexes: ShardIndexes = self._indexes_of(self.manifest)
        self._words = WordIndexes(folder)
        self._searched: list[Shard] | None = None  # None: as they are at each search

    @classmethod
    def open(
        cls, address: str | Path, *, write: bool = False, generation: str | None = None
    ) -> Self:
        """Open a gallery that exists; raises GalleryError if none does or it is locked."""
        folder = Path(address)
        with _schema.translated(folder):
            place, lock = _generations.found(folder, generation, write=write)
            return cls._started(place, lock, folder)

    @classmethod
    def create(cls, address: str | Path, manifest: Manifest) -> Self:
        """Make a new, empty gallery and open it for writing."""
        folder = Path(address)
        if cls.exists(folder):
            raise GalleryError(
                f"{folder}: there is a gallery already.", remedy="Run the same command again."
            )
        _folder.require_own(folder)
        with _schema.translated(folder):
            folder.mkdir(parents=True, exist_ok=True)
            return cls._started(folder, _folder.lock(folder, folder), folder, manifest)

    @classmethod
    def exists(cls, address: str | Path) -> bool:
        """Whether a gallery lies here whose creation was finished; GalleryError where that cannot
        be seen."""
        return _generations.exists(Path(address))

    @classmethod
    def identity(cls, folder: str | Path, generation: str | None = None) -> str:
        """The folder, and what tells a gallery from one that was made anew there, and one
        generation from another."""
        return _generations.identity(Path(folder), generation)

    @classmethod
    def database(
        cls, folder: str | Path, name: str, version: int, tables: Sequence[str]
    ) -> FileDatabase:
        """A file of its own in the folder; made by its first write."""
        return FileDatabase(Path(folder), name, version, tables)

    @classmethod
    def uploads(cls, folder: str | Path) -> Path:
        """Inside the folder."""
        return Path(folder).absolute() / _schema.UPLOADS

    @classmethod
    def generations(cls, folder: str | Path) -> Generations:
        """Those that are there; GalleryError where there is no gallery."""
        return _generations.read(Path(folder))

    @classmethod
    def add_generation(cls, folder: str | Path, manifest: Manifest) -> str:
        """A new and empty one, or the unfinished one of this manifest; see ``Home``."""
        return _generations.add(Path(folder), manifest)

    @classmethod
    def use_generation(cls, folder: str | Path, name: str) -> None:
        """From now on, durably and at once; see ``Home``."""
        _generations.use(Path(folder), name)

    @classmethod
    def delete_generation(cls, folder: str | Path, name: str) -> None:
        """One that is not in use; see ``Home``."""
        _generations.delete(Path(folder), name)

    @classmethod
    def _started(
        cls, folder: Path, lock: FileLock | None, address: Path, manifest: Manifest | None = None
    ) -> Self:
        """Connect, initialise if a manifest is given; on any failure let everything go."""
        connection = None
        try:
            connection = _schema.connect(folder)
            if manifest is not None:
                _folder.initialise(connection, manifest, folder)
            elif not _folder.has_manifest(connection):
                raise _folder.none_here(address)
            elif lock is not None:
                _folder.upgrade(connection)
            return cls(folder, connection, lock, address)
        except BaseException:
            if connection is not None:
                connection.close()
            if lock is not None:
                lock.release()
            raise

    def close(self) -> None:
        with self._guard:
            self._connection.close()
            if self._lock is not None:
                self._lock.release()

    @property
    def name(self) -> str:
        return str(self._address)

    @property
    def address(self) -> str:
        return str(self._address)

    def storage(self) -> Storage:
        with _schema.translated(self.folder):
            database = sum(path.stat().st_size for path in self.folder.glob(f"{_schema.DATABASE}*"))
            free = shutil.disk_usage(self.folder).free
            indexes = self._indexes
            return Storage(database, indexes.bytes, indexes.searched, free)

    @contextlib.contextmanager
    def searching_as_now(self) -> Iterator[None]:
        """Searches inside find the images as they are now, however many are added meanwhile: no
        index is derived anew for them."""
        with self._reading():
            self._searched = self._shards()
            for shard in self._searched:
                self._indexes.index(self._connection, shard)
        try:
            yield
        finally:
            self._searched = None

    def query_statistics(self) -> QueryStatistics | None:
        """What was learned from queries; None: nothing yet."""
        return _query_file.read(self.folder, self.fingerprint, self.manifest.dimension)

    def learn(self, vectors: FloatArray) -> None:
        """(N, D) of queries, as they were described, beside those of before. Takes no lock of the
        writer's; OSError where the folder cannot be written."""
        if not _folder.holds_database(self.folder):  # it was deleted meanwhile
            return
        none = QueryStatistics.none(self.fingerprint, self.manifest.dimension)
        with _query_file.changing(self.folder):
            before = statistics = self.query_statistics() or none
            for vector in vectors:
                statistics = statistics.with_query(vector)
            if statistics is not before:
                _query_file.write(self.folder, statistics)

    def keep_query_statistics(self, statistics: QueryStatistics) -> None:
        with _schema.translated(self.folder), _query_file.changing(self.folder):
            _query_file.write(self.folder, statistics)

    def forget_queries(self) -> bool:
        """Whether anything had been learned."""
        with _schema.translated(self.folder):
            return _query_file.delete(self.folder)

    def keep_report(self, of: ReportKind, report: str) -> None:
        """As a file of its own."""
        with _schema.translated(self._address):
            write_whole(self._address / _folder.report_name(of), report)

    def check(self) -> list[str]:
        """Every inconsistency found, one sentence each; empty when sound."""
        with self._reading():
            shards = self._shards()
            # Indexes are held against the rows: these must be whole first.
            return audit(self._connection, self.manifest, shards, self.name) or [
                *audit_indexes(self._connection, shards, self._indexes),
                *self._words.faults(self._connection, shards),
            ]

    def build_indexes(self, matcher: KeypointMatcher | None = None) -> None:
        """Write the index of every shard that lacks one, or in which more than a few images
        changed since, and delete those of the past; those of other metrics than Euclidean distance,
        and without a matcher those of keypoints, are written at the first query that needs them.
        Codes and graphs: where ``search_by`` names them, or files of theirs are there."""
        with self._reading():
            shards = self._shards()
            for shard in shards:
                for metric in METRICS:
                    if metric == "euclidean" or self._indexes.is_written(
                        self._connection, shard, metric
                    ):
                        self._indexes.write(self._connection, shard, metric)
                if matcher is not None:
                    self._words.write(self._connection, shard, matcher.vocabulary)
            self._indexes.write_candidates()
            self._indexes.keep_only(self._connection, shards)
            self._words.keep_only(shards)

    def _indexes_of(self, manifest: Manifest) -> ShardIndexes:
        kind = manifest.settings.get("search", {}).get("index", "exact")
        # One that a newer Packsight has is not known here.
        return ShardIndexes(
            self.folder, manifest.dimension, kind if kind in INDEX_KINDS else "exact"
        )

    def _derive(self, version: int | None) -> None:
        with self._reading():
            for shard in self._shards():
                self._indexes.derive(self._connection, replace(shard, adapted_by=version))

    def _searched_shards(self) -> list[Shard]:
        return self._shards() if self._searched is None else self._searched

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One read transaction, joined if one is open already."""
        with self._guard, _schema.translated(self.folder):
            if self._depth == 0:
                if self._stamp is not None and self._stamp != _schema.stamp(self.folder):
                    raise GalleryError(
                        f"{self.folder}: changed while it was open, on a medium that is read-only.",
                        remedy="Run the same command again.",
                    )
                self._connection.execute("BEGIN")
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.rollback()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Writing]:
        """One write transaction: all of it is acknowledged by COMMIT, or none of it happened."""
        if self._lock is None:
            raise GalleryError(f"{self.folder}: opened for reading only.")
        with self._guard, _schema.translated(self.folder):
            self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                writing = Writing(self._connection)
                yield writing
                writing.renew_shards()
                self._connection.commit()
            except BaseException:
                self._connection.rollback()
                raise
            finally:
                self._depth -= 1

"""A gallery in PostgreSQL with pgvector: for catalogues, writers or readers beyond one machine.

The tables are the only source of truth. Searches run in the server, or by FAISS indexes that a
searcher derives from the tables, as its address has it; see ``_postgres_address``.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Self

import psycopg
from platformdirs import user_data_path
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict

from engine.adaptation import AdaptationReport
from engine.config import INDEX_KINDS, IndexKind
from engine.distances import METRICS
from engine.errors import GalleryError
from engine.galleries import _pgvector, _query_file, _rows
from engine.galleries import _postgres_generations as _generations
from engine.galleries import _postgres_schema as _schema
from engine.galleries._faiss_indexes import ShardIndexes
from engine.galleries._pgvector import PgvectorIndexes
from engine.galleries._postgres_address import PostgresAddress
from engine.galleries._postgres_connection import (
    PostgresConnection,
    connect,
    readers,
    translated,
)
from engine.galleries._postgres_database import PostgresDatabase
from engine.galleries._schema import CURATION, JOBS, UPLOADS
from engine.galleries._shards import Shard, read_shards, shards_by
from engine.galleries._word_indexes import WordIndexes
from engine.galleries._writing import Writing, new_image_row
from engine.galleries.audit import audit, audit_indexes
from engine.galleries.tables import TableGallery
from engine.manifest import Generations, Manifest
from engine.protocols import KeypointMatcher, ReportKind
from engine.query_statistics import QueryStatistics
from engine.types import Description, Entry, FloatArray, Storage
from engine.user_folders import expanded, user_cache

_TABLES = {CURATION: "decisions", JOBS: "jobs"}
_CHANGE = "change"  # of the advisory lock of a write, with the name of a generation


class PostgresGallery(TableGallery):
    """Open with ``create``, ``open`` or ``open_or_create``; use as a context manager.

    Any number of processes on any machine may read; one opens it for writing, and holds a lock in
    the server until it closes or its connection ends. Every read runs on one snapshot; ``snapshot``
    spans several. A reader takes a connection of the process's for each of them.
    """

    _connection: PostgresConnection

    def __init__(
        self, address: str | Path, generation: str, writer: PostgresConnection | None
    ) -> None:
        self._address = PostgresAddress.read(address)
        self._given = str(address)
        self.generation = generation
        self._writer = writer
        self._guard = threading.RLock()
        self._depth = 0  # of nested transactions
        self._change: _PostgresWriting | None = None
        # Of the snapshot that is read: a query needs both again and again.
        self._adapted_by: tuple[int | None] | None = None
        self._listed: list[Shard] | None = None
        self._used_before: int | None = None  # the adaptation before the last switch
        # What is searched in place of the present.
        self._frozen: tuple[PostgresConnection, list[Shard]] | None = None
        with self._reading():
            rows = self._connection.execute(_rows.MANIFEST).fetchall()
            steps = self._connection.run("SELECT 1 FROM migrations").fetchall()
        _schema.require_known(self.name, len(steps), _schema.GENERATION)
        self.manifest = Manifest.from_rows([(row[0], row[1]) for row in rows], self.name)
        self._indexes = self._indexes_of(self.manifest)
        self._words = WordIndexes(self._folder)
        self._tidied = 0  # files that had been written when it was tidied

    @classmethod
    def open(
        cls, address: str | Path, *, write: bool = False, generation: str | None = None
    ) -> Self:
        """Open a gallery that exists; raises GalleryError if none does or it is locked."""
        place = PostgresAddress.read(address)
        with translated(place.shown):
            if write:
                return cls._opened_to_write(address, place, generation)
            name = generation or _generations.require(place)
            if generation is not None and generation not in _generations.names(place):
                raise _generations.not_there(place, generation)
            return cls(address, name, None)

    @classmethod
    def open_beside(cls, address: str | Path, generation: str) -> Self:
        """Open for writing beside the one writer, which allows it; see ``units``."""
        place = PostgresAddress.read(address)
        with translated(place.shown):
            return cls(address, generation, connect(place, generation, write=True))

    @classmethod
    def _opened_to_write(
        cls, address: str | Path, place: PostgresAddress, generation: str | None
    ) -> Self:
        while True:
            connection = connect(place, write=True)
            try:
                # As the primary has it, also where readers are given a replica.
                name = generation or _generations.require(place, connection)
                if generation is not None and generation not in _generations.names(
                    place, connection
                ):
                    raise _generations.not_there(place, generation)
                connection.search_in(place, name)
                _generations.lock(connection, place, name)
                _generations.upgrade(connection, place, name)
                # Of a writer that was killed; its workers may still be there.
                connection.run("UPDATE units SET state = 'waiting' WHERE state = 'running'")
                # Else another came into use before this one was locked.
                if generation is not None or _generations.current(place, connection) == name:
                    return cls(address, name, connection)
            except BaseException:
                connection.close()
                raise
            connection.close()

    @classmethod
    def create(cls, address: str | Path, manifest: Manifest) -> Self:
        """Make a new, empty gallery and open it for writing."""
        place = PostgresAddress.read(address)
        with translated(place.shown):
            with contextlib.closing(connect(place, write=True)) as connection:
                _schema.require_utf8(connection, place.shown)
                _schema.require_pgvector(connection, place.shown)
            # By a new connection, which knows the type of vectors.
            with (
                contextlib.closing(connect(place, write=True)) as connection,
                _generations.changing(connection, place, _generations.LIST),
            ):
                _generations.require_free(connection, place)
                _schema.migrate(connection, place.shown, place.schema, _schema.SHARED)
                if connection.run("SELECT 1 FROM generations").fetchone() is not None:
                    raise GalleryError(
                        f"{place.shown}: there is a gallery already.",
                        remedy="Run the same command again.",
                    )
                _generations.add(
                    connection,
                    place,
                    _generations.free(connection, place, 1),
                    manifest,
                    current=True,
                )
        return cls.open(address, write=True)

    @classmethod
    def exists(cls, address: str | Path) -> bool:
        """Whether a gallery lies here; GalleryError where that cannot be seen."""
        place = PostgresAddress.read(address)
        with translated(place.shown):
            return _generations.current(place) is not None

    @classmethod
    def identity(cls, address: str | Path, generation: str | None = None) -> str:
        """The address, and what tells a gallery from one that was made anew there, and one
        generation from another."""
        place = PostgresAddress.read(address)
        try:
            with translated(place.shown):
                wanted = "current" if generation is None else f"name = '{generation}'"
                row = readers(place).ask(
                    f'SELECT name, token FROM "{place.schema}".generations WHERE {wanted}'
                )
        except GalleryError:
            row = None
        return f"{place.shown}:" if row is None else f"{place.shown}:{row[0]}:{row[1]}"

    @classmethod
    def database(
        cls, address: str | Path, name: str, version: int, tables: Sequence[str]
    ) -> PostgresDatabase:
        """A table that is made with the gallery."""
        return PostgresDatabase(PostgresAddress.read(address), _TABLES[name])

    @classmethod
    def uploads(cls, address: str | Path) -> Path:
        """Of this machine; ``PACKSIGHT_UPLOADS_DIR`` is a folder that all services see. The same
        for every user and parameter by which the first server of an address is reached."""
        place = PostgresAddress.read(address)
        with translated(place.shown):
            given = conninfo_to_dict(place.libpq)
        database = [str(given.get(part, "")).split(",")[0] for part in ("host", "port", "dbname")]
        chosen = os.environ.get("PACKSIGHT_UPLOADS_DIR")
        folder = expanded(chosen) if chosen else user_data_path("packsight", appauthor=False)
        own = f"{place.lock(' '.join([UPLOADS, *database])):016x}"
        found = folder.absolute() / UPLOADS / own
        found.parent.mkdir(parents=True, exist_ok=True)
        return found

    @classmethod
    def generations(cls, address: str | Path) -> Generations:
        """Those that are there; GalleryError where there is no gallery."""
        return _generations.read(PostgresAddress.read(address))

    @classmethod
    def add_generation(cls, address: str | Path, manifest: Manifest) -> str:
        """A new and empty one, or the unfinished one of this manifest; see ``Home``."""
        place = PostgresAddress.read(address)
        there = cls.generations(address)
        wanted = Manifest.from_rows(manifest.to_rows(), place.shown)
        for name in there.unfinished:
            with cls.open(address, generation=name) as gallery:
                kept = gallery.manifest
            if (kept.fingerprint, kept.settings) == (wanted.fingerprint, wanted.settings):
                return name
            cls.delete_generation(address, name)
        with (
            translated(place.shown),
            contextlib.closing(connect(place, write=True)) as connection,
            _generations.changing(connection, place, _generations.LIST),
        ):
            rows = connection.run("SELECT name FROM generations").fetchall()
            name = _generations.free(connection, place, max(int(row[0]) for row in rows) + 1)
            _generations.add(connection, place, name, manifest)
        return name

    @classmethod
    def use_generation(cls, address: str | Path, name: str) -> None:
        """From now on, in one transaction; see ``Home``."""
        _generations.use(PostgresAddress.read(address), name)

    @classmethod
    def delete_generation(cls, address: str | Path, name: str) -> None:
        """One that is not in use; see ``Home``."""
        _generations.delete(PostgresAddress.read(address), name)

    def close(self) -> None:
        with self._guard:
            if self._writer is not None:
                self._writer.close()

    @property
    def name(self) -> str:
        return self._address.shown

    @property
    def address(self) -> str:
        return self._given

    def keep_report(self, of: ReportKind, report: str) -> None:
        """As a row of the manifest."""
        with self._writing():
            _rows.store_report(self._connection, of, report)

    def storage(self) -> Storage:
        """Of the generation that is open."""
        schema = self._address.generation_schema(self.generation)
        with self._reading():
            row = self._connection.run(
                "SELECT sum(pg_total_relation_size(oid))::bigint, "
                "count(*) FILTER (WHERE relispartition AND relname LIKE 'descriptions%%'), "
                "CASE WHEN pg_is_in_recovery() THEN extract(epoch FROM now() - "
                "pg_last_xact_replay_timestamp())::double precision END "
                "FROM pg_class WHERE relnamespace = %(schema)s::regnamespace "
                "AND relkind IN ('r', 'm')",
                {"schema": schema},
            ).fetchone()
            graphs = _rows.load_graphs(self._connection)
        assert row is not None
        searched: IndexKind = "exact"  # also by the server where it has no graphs
        if self._indexes is self._files:
            searched = self._files.kind
        elif self._pgvector.kind == "hnsw" and graphs is not None:
            searched = "hnsw"
        return Storage(
            tables=int(row[0]),
            indexes=self._files.bytes,
            searched=searched,
            partitions=int(row[1]),
            behind=row[2],
            recall=None if graphs is None else graphs[0],
            explored=None if graphs is None else graphs[1],
        )

    @contextlib.contextmanager
    def searching_as_now(self) -> Iterator[None]:
        """Searches inside find the images as they are now, however many are added meanwhile."""
        with self._guard, translated(self.name):
            # As the primary has it, where readers are given a replica, which may be behind.
            connection = connect(self._address, self.generation, write=True)
        with contextlib.closing(connection):
            with self._guard, translated(self.name):
                connection.begin()
                self._frozen = connection, read_shards(connection)  # of one moment, as all later
            try:
                yield
            finally:
                with self._guard:
                    self._frozen = None

    def search_by(self, index: IndexKind, threads: int) -> None:
        """From now on; see ``Gallery``. Graphs are the server's: a searcher with indexes of its
        own has codes in place of them, which take seconds, and prove what they find."""
        with self._guard:
            self._pgvector.search_by(index, threads)
            self._files.search_by("sq8" if index == "hnsw" else index, threads)

    def query_statistics(self) -> QueryStatistics | None:
        """What was learned from queries; None: nothing yet."""
        rows = self._select("SELECT content FROM query_statistics")
        if not rows:
            return None
        return _query_file.from_bytes(rows[0][0], self.fingerprint, self.manifest.dimension)

    def learn(self, vectors: FloatArray) -> None:
        """(N, D) of queries, as they were described, beside those of before. Takes no lock of the
        writer's; OSError where the server cannot be written to, such as a replica."""
        none = QueryStatistics.none(self.fingerprint, self.manifest.dimension)
        try:
            connection = connect(self._address, self.generation, write=True)
            with (
                contextlib.closing(connection),
                _generations.changing(connection, self._address, "queries"),
            ):
                row = connection.run("SELECT content FROM query_statistics").fetchone()
                before = statistics = none
                if row is not None:
                    kept = _query_file.from_bytes(row[0], none.fingerprint, none.means.shape[1])
                    before = statistics = kept or none
                for vector in vectors:
                    statistics = statistics.with_query(vector)
                if statistics is not before:
                    _store_query_statistics(connection, statistics)
        except psycopg.Error as error:
            raise OSError(f"{self.name}: {error}") from error

    def keep_query_statistics(self, statistics: QueryStatistics) -> None:
        with (
            translated(self.name),
            contextlib.closing(connect(self._address, self.generation, write=True)) as connection,
            _generations.changing(connection, self._address, "queries"),
        ):
            _store_query_statistics(connection, statistics)

    def forget_queries(self) -> bool:
        """Whether anything had been learned."""
        with (
            translated(self.name),
            contextlib.closing(connect(self._address, self.generation, write=True)) as connection,
        ):
            return connection.run("DELETE FROM query_statistics").rowcount > 0

    def check(self) -> list[str]:
        """Every inconsistency found, one sentence each; empty when sound."""
        with self._reading():
            shards = self._shards()
            return audit(self._connection, self.manifest, shards, self.name) or [
                *_pgvector.faults(self._connection, self._pgvector, self.adapted_by()),
                *audit_indexes(self._connection, shards, self._files),
                *self._words.faults(self._connection, shards),
            ]

    def build_indexes(self, matcher: KeypointMatcher | None = None) -> None:
        """Make the table of adapted vectors where it is missing, and drop those of the past but
        one; build graphs where they are searched by, or drop them. Indexes of keypoints are the
        searchers' own."""
        with self._writing():
            version = self.adapted_by()
            self._derive(version)
            for table in {_pgvector.DESCRIBED, _pgvector.table_of(version), "images"}:
                _pgvector.analyse(self._connection, table)
            _pgvector.build_graphs(self._connection, version, self._pgvector)
        self._drop_adapted()

    def rebuild(self) -> int:
        """Derive all anew; returns how many there are now."""
        with self._writing():
            version = self.adapted_by()
            if version is not None:
                self._connection.run(f"DROP TABLE IF EXISTS {_pgvector.table_of(version)}")
                self._derive(version)
        return super().rebuild()

    def _tidy(self, matcher: KeypointMatcher | None = None) -> None:
        """Merge and delete files as a writer's ``build_indexes`` does in a folder."""
        files, words = self._files, self._words
        if self._frozen is not None:  # its indexes would be those of a later moment
            return
        written = files.written + words.written
        outgrown = files.outgrown or (matcher is not None and words.outgrown)
        if written == self._tidied and not outgrown:
            return
        shards = self._shards()
        for shard in shards:
            files.merge(self._connection, shard)
            if matcher is not None:
                words.merge(self._connection, shard, matcher.vocabulary)
        files.keep_only(self._connection, shards)
        words.keep_only(shards)
        names = [str(name) for (name,) in self._connection.run("SELECT name FROM generations")]
        kept = [self._address.generation_schema(name) for name in names]
        for folder in self._folder.parent.glob(f"{self._address.schema}_*"):
            if folder.name not in kept and folder.name.rpartition("_")[2].isdecimal():
                shutil.rmtree(folder, ignore_errors=True)
        self._tidied = files.written + words.written

    def adapted_by(self) -> int | None:
        with self._reading():
            if self._change is not None:
                return super().adapted_by()
            if self._adapted_by is None:
                self._adapted_by = (super().adapted_by(),)
            return self._adapted_by[0]

    def _shards(self) -> list[Shard]:
        if self._change is not None:
            return super()._shards()
        if self._listed is None:
            self._listed = shards_by(self._connection, self.adapted_by())
        return list(self._listed)

    def _switch(self, version: int | None, fit: AdaptationReport | None, *, off: bool) -> None:
        # In one transaction: what is written beside the writer is in the table that is in use.
        with self._writing():
            self._used_before = self.adapted_by()
            super()._switch(version, fit, off=off)

    def _drop_adapted(self) -> None:
        """But those in use now and before, which searches may be reading; what is locked is dropped
        the next time."""
        assert self._writer is not None
        used = [self.adapted_by(), self._used_before, *self._versions()[-2:]]
        kept = {_pgvector.table_of(one) for one in used}
        with self._guard, translated(self.name):
            for table in _pgvector.adapted_tables(self._writer):
                if table not in kept:
                    with contextlib.suppress(errors.LockNotAvailable):
                        self._writer.run(f"DROP TABLE {table}")

    def _indexes_of(self, manifest: Manifest) -> PgvectorIndexes | ShardIndexes:
        """As its address has it. Nothing is searched amid a change, which is in no shard's token
        yet."""
        self._pgvector = _pgvector_of(manifest, self.name)
        self._files = ShardIndexes(self._folder, manifest.dimension)
        self.search_by(self._pgvector.kind, self._files.threads)
        return self._pgvector if self._address.indexes is None else self._files

    def _searched_shards(self) -> list[Shard]:
        return self._shards() if self._frozen is None else self._frozen[1]

    @property
    def _searched_connection(self) -> PostgresConnection:
        return self._connection if self._frozen is None else self._frozen[0]

    @cached_property
    def _folder(self) -> Path:
        """For what this machine derives from the tables."""
        given = self._address.indexes
        place = f"{self._address.lock(self._address.shown):016x}"
        own = user_cache("galleries") / place if given is None else given
        folder = own / self._address.generation_schema(self.generation)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if given is not None:
                raise GalleryError(
                    f"{self.name}: no indexes can be kept in {given} ({error.strerror}).",
                    remedy="Name a folder that this user may write to: ?indexes=FOLDER",
                ) from error
        return folder

    def _derive(self, version: int | None) -> None:
        if version is None:
            return
        with self._writing():
            adaptation = self._indexes.adaptation(self._connection, version)
            assert adaptation is not None
            in_use = self.adapted_by() == version
            _pgvector.derive_adapted(self._connection, version, adaptation, in_use=in_use)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """One read transaction, joined if one is open already."""
        with self._guard, translated(self.name):
            if self._depth:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            pool = readers(self._address)
            if self._writer is None:
                self._connection = pool.take(self._address, self.generation)
            else:
                self._connection = self._writer
                self._writer.begin()
            self._depth = 1
            self._adapted_by = self._listed = None
            try:
                yield
            finally:
                self._depth = 0
                if self._writer is None:
                    pool.give_back(self._connection)
                else:
                    self._writer.rollback()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Writing]:
        """One write transaction, joined if one is open already: all of it is acknowledged by
        COMMIT, or none of it happened."""
        if self._writer is None:
            raise GalleryError(f"{self.name}: opened for reading only.")
        with self._guard, translated(self.name):
            if self._change is not None:
                yield self._change
                return
            self._connection = self._writer
            with _generations.changing(self._writer, self._address, f"{_CHANGE} {self.generation}"):
                self._depth = 1
                try:
                    self._change = _PostgresWriting(self._writer, indexes=self._pgvector)
                    yield self._change
                    self._change.renew_shards()
                finally:
                    self._depth = 0
                    self._change = None


@dataclass
class _PostgresWriting(Writing):
    """With the partitions of categories and the adapted vectors."""

    connection: PostgresConnection
    indexes: PgvectorIndexes = field(kw_only=True)

    def _prepare(self, categories: Collection[str]) -> None:
        _schema.add_partitions(self.connection, _pgvector.DESCRIBED, categories)

    def put_all(
        self,
        entries: Sequence[Entry],
        descriptions: Sequence[Description],
        wanted: Sequence[int] | None = None,
    ) -> list[int]:
        """All at once, in a few statements: each is a way to the server and back."""
        rows = [new_image_row(*one) for one in zip(entries, descriptions, strict=True)]
        uris = [entry.uri for entry in entries]
        if len(set(uris)) < len(uris):  # the last of one uri stays
            return super().put_all(entries, descriptions, wanted)
        known = {
            str(uri): int(identity)
            for identity, uri in self.connection.run(
                "SELECT id, uri FROM images WHERE uri = ANY(%(uris)s) "
                "UNION ALL SELECT id, uri FROM withdrawn WHERE uri = ANY(%(uris)s)",
                {"uris": uris},
            )
        }
        ids = list(wanted or self._ids(uris, known))
        gone = sorted({*known.values(), *(wanted or ())})
        if gone:
            for identity, shard in self._shards_of(gone).items():
                self._before.setdefault(identity, shard)
            for table in ("images", "withdrawn"):
                self.connection.run(f"DELETE FROM {table} WHERE id = ANY(%(gone)s)", {"gone": gone})
        self._prepare({str(row["category"]) for row in rows})
        self.connection.copy(
            "images", [{"id": identity, **row} for identity, row in zip(ids, rows, strict=True)]
        )
        described = [
            {
                "id": identity,
                "category": row["category"],
                "labelled": row["labelled"],
                **_rows.description_row(one),
            }
            for identity, row, one in zip(ids, rows, descriptions, strict=True)
        ]
        self.connection.copy(_pgvector.DESCRIBED, described)
        for identity in ids:
            self._before.setdefault(identity, None)
        return ids

    def _ids(self, uris: Sequence[str], known: Mapping[str, int]) -> Iterator[int]:
        """Those that the images have, and new ones for the others."""
        new = self.connection.run(
            "SELECT nextval('images_id_seq') FROM generate_series(1, %(count)s)",
            {"count": len(uris) - len(known)},
        )
        for uri in uris:
            yield known[uri] if uri in known else int(next(new)[0])

    def renew_shards(self) -> None:
        super().renew_shards()
        if not self._before:
            return
        # Else every description is checked against all images of its shard, not by the image's id.
        _pgvector.analyse(self.connection, "images")
        # An id that was wanted is never given to another image.
        self.connection.run(
            "SELECT setval('images_id_seq', %(last)s) FROM images_id_seq "
            "WHERE last_value < %(last)s",
            {"last": max(self._before)},
        )
        version = _rows.adapted_by(self.connection)
        if version is not None and self.connection.columns(_pgvector.table_of(version)):
            adaptation = self.indexes.adaptation(self.connection, version)
            assert adaptation is not None
            _pgvector.renew_adapted(self.connection, version, adaptation, self._before)


def _store_query_statistics(connection: PostgresConnection, statistics: QueryStatistics) -> None:
    """In a write transaction."""
    connection.run("DELETE FROM query_statistics")
    connection.run(
        "INSERT INTO query_statistics VALUES (%(content)s)",
        {"content": _query_file.to_bytes(statistics)},
    )


def _pgvector_of(manifest: Manifest, where: str) -> PgvectorIndexes:
    search = manifest.settings.get("search", {})
    kind, metric = search.get("index", "exact"), search.get("metric", manifest.metric)
    # One that a newer Packsight has is not known here.
    return PgvectorIndexes(
        where,
        manifest.dimension,
        kind if kind in INDEX_KINDS else "exact",
        metric if metric in METRICS else "euclidean",
    )

"""A connection to PostgreSQL for the statements of ``_connection``; errors in a user's words.

What the schema cannot give SQLite's words is read here: marks of parameters, rows by name, the
columns that have types of PostgreSQL's own.
"""

from __future__ import annotations

import os
import re
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from itertools import count
from typing import Any, TypeVar

import numpy as np
import psycopg
from psycopg import adapt, errors, pq, sql
from psycopg.types.string import StrDumper

from engine.errors import DisconnectedError, GalleryError
from engine.galleries._connection import Parameters
from engine.galleries._postgres_address import ADDRESS, PostgresAddress, without_password
from engine.request import NUMBER_WITHIN
from engine.types import CONTOUR_SIDE

CONNECT_SECONDS = 10  # a server that does not answer is away
# A read takes milliseconds, a scan of a million vectors seconds. ``options=-c statement_timeout=…``
# in the address is another limit.
READ_SECONDS = 60
LOCK_SECONDS = 10  # as SQLite waits for another process's transaction
READERS = 10  # connections of a process that searches with many threads
_IDLE_SECONDS = 120.0  # until a connection that is not used is closed
_AGAIN_SECONDS = 1.0  # until a server that did not answer is tried again

T = TypeVar("T")

_BITS = 1560  # the number of the type bit, in every PostgreSQL
_CONTOUR_BYTES = CONTOUR_SIDE**2 // 8
_MARK = re.compile(r"'[^']*'|\?(\d*)|(?<![:\w]):([a-z_]\w*)|%")
# SQLite joins in the order that CROSS JOIN is written in, PostgreSQL in the one it finds best. The
# table of descriptions is parted by category, so it is joined by that too.
_WORDS = (
    (re.compile(r"\bCROSS JOIN\b"), "JOIN"),
    (re.compile(r"\b(descriptions|images) USING \(id\)"), r"\1 USING (id, category, labelled)"),
    (re.compile(r"\bgroup_concat\(id, ' '\)"), "string_agg(CAST(id AS text), ' ')"),
)


class Row(Sequence[Any]):
    """As a row of SQLite: by the number of the column, or by its name."""

    __slots__ = ("_places", "_values")

    def __init__(self, values: Sequence[Any], places: Mapping[str, int]) -> None:
        self._values = values
        self._places = places

    def __getitem__(self, key: Any) -> Any:
        return self._values[self._places[key] if isinstance(key, str) else key]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def keys(self) -> Iterable[str]:
        return self._places.keys()


class _RawConnection(psycopg.Connection[Any]):
    """And what it is set to."""

    path: tuple[str, ...] = ()  # schemas, less that of pgvector
    pgvector: str = ""  # its schema
    has_graphs: bool = False  # that are searched until enough is found


class PostgresConnection:
    """See ``_connection.Connection``. Statements that PostgreSQL alone understands are run by
    ``run``. Transactions are begun by ``begin``."""

    longest = NUMBER_WITHIN
    # What double precision does not hold is an error of CAST, and none of a path in silence.
    leading_number = (
        "(SELECT CASE WHEN number !~ '[eE]' OR "
        "jsonb_path_query_first(to_jsonb(number), '$.double()', '{}', true) IS NOT NULL "
        "THEN CAST(number AS double precision) WHEN number ~ '[eE]-' THEN 0 "
        "WHEN number LIKE '-%' THEN '-Infinity' WHEN number <> '' THEN 'Infinity' END "
        f"FROM substring(left(value, {NUMBER_WITHIN}) "
        "FROM '^ *([+-]?[0-9]+(?:[.][0-9]*)?(?:[eE][+-]?[0-9]+)?)') AS number)"
    )

    def __init__(self, raw: _RawConnection) -> None:
        self.raw = raw
        self._streams = count()

    @property
    def in_transaction(self) -> bool:
        """Not of one whose server is gone: its status is unknown."""
        status = pq.TransactionStatus
        return self.raw.info.transaction_status not in (status.IDLE, status.UNKNOWN)

    def begin(self, *, write: bool = False) -> None:
        """What is read is of one moment, unless it may be written."""
        kind = "READ COMMITTED READ WRITE" if write else "REPEATABLE READ READ ONLY"
        self.raw.execute(f"BEGIN ISOLATION LEVEL {kind}")

    def search_in(self, address: PostgresAddress, generation: str = "") -> None:
        """Find tables in the schemas of a generation, or of what belongs to none."""
        _search_in(self.raw, address, generation)

    def execute(self, statement: str, parameters: Any = (), /) -> psycopg.Cursor[Row]:
        return self.run(translated_marks(statement), _by_name(parameters))

    def run(
        self, statement: str | sql.Composed, parameters: Mapping[str, object] | None = None
    ) -> psycopg.Cursor[Row]:
        """In PostgreSQL's own words, with ``%(name)s`` for parameters."""
        cursor = self.raw.cursor(binary=True, row_factory=_rows)
        return cursor.execute(statement, parameters)

    def stream(self, statement: str, parameters: Parameters = (), /) -> psycopg.ServerCursor[Row]:
        name = f"packsight_{next(self._streams)}"
        cursor = psycopg.ServerCursor(self.raw, name, row_factory=_rows)
        cursor.itersize = 1024
        found = translated_marks(statement)
        cursor.execute(found, _by_name(parameters), binary=True)
        return cursor

    def copy(self, table: str, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, with the same columns each; faster than statements by far."""
        if not rows:
            return
        names = list(rows[0])
        found = self.run(
            "SELECT attname, atttypid FROM pg_attribute WHERE attrelid = to_regclass(%(table)s)",
            {"table": table},
        )
        types = {str(name): int(oid) for name, oid in found}
        own = [_OWN_TYPES.get(name, _as_it_is) for name in names]
        statement = f"COPY {table} ({', '.join(names)}) FROM STDIN (FORMAT BINARY)"
        with self.raw.cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types([types[name] for name in names])
            for row in rows:
                copy.write_row([as_own(row[name]) for as_own, name in zip(own, names, strict=True)])

    def columns(self, table: str) -> list[str]:
        rows = self.run(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(%(table)s) "
            "AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
            {"table": table},
        )
        return [str(name) for (name,) in rows]

    def faults(self) -> list[str]:
        """PostgreSQL checks its pages as it reads them, and holds rows to what they refer to."""
        return []

    def commit(self) -> None:
        self.raw.commit()

    def rollback(self) -> None:
        if not self.raw.closed:
            self.raw.rollback()

    def close(self) -> None:
        """Locks are let go of first: the server ends a session, and with it these, some time later,
        and a command that follows would be refused."""
        if self.raw.info.transaction_status == pq.TransactionStatus.IDLE:
            with suppress(psycopg.Error):
                self.run("SELECT pg_advisory_unlock_all()")
        self.raw.close()


@lru_cache(512)
def translated_marks(statement: str) -> str:
    """SQLite's ``?``, ``?2`` and ``:name`` as ``%(p1)s``, ``%(p2)s`` and ``%(name)s``."""
    for word, instead in _WORDS:
        statement = word.sub(instead, statement)
    last = 0

    def mark(found: re.Match[str]) -> str:
        nonlocal last
        if found[0] == "%":
            return "%%"
        if found[0].startswith("'"):
            return found[0].replace("%", "%%")
        if found[2]:
            return f"%({found[2]})s"
        number = int(found[1]) if found[1] else last + 1
        last = max(last, number)
        return f"%(p{number})s"

    return _MARK.sub(mark, statement)


def _by_name(parameters: Parameters) -> Mapping[str, object]:
    if isinstance(parameters, Mapping):
        return {name: _OWN_TYPES.get(name, _as_it_is)(value) for name, value in parameters.items()}
    return {f"p{number}": value for number, value in enumerate(parameters, start=1)}


def _as_it_is(value: Any) -> object:
    return value


class Vector(bytes):
    """Little-endian float32, for a column of the type vector."""


class Bits(bytes):
    """Packed bits, for a column of the type bit."""


def _bits(value: Any) -> object:
    """Of a contour as SQLite keeps it: deflated, where that is smaller."""
    if isinstance(value, bytes) and len(value) != _CONTOUR_BYTES:
        value = zlib.decompress(value, wbits=-zlib.MAX_WBITS)
    return Bits(value) if isinstance(value, bytes) else value


def _vector(value: Any) -> object:
    return Vector(value) if isinstance(value, bytes) else value


_OWN_TYPES: Mapping[str, Callable[[Any], object]] = {
    "embedding": _vector,
    "contour": _bits,
    "aligned": _bits,
}


class _VectorDumper(adapt.Dumper):
    format = pq.Format.BINARY

    def dump(self, obj: Any) -> bytes:
        numbers = np.frombuffer(obj, "<f4")
        return struct.pack(">HH", len(numbers), 0) + numbers.astype(">f4").tobytes()


class _VectorLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Any) -> bytes:
        return np.frombuffer(data, ">f4", offset=4).astype("<f4").tobytes()


class _BitsDumper(adapt.Dumper):
    format = pq.Format.BINARY
    oid = _BITS

    def dump(self, obj: Any) -> bytes:
        return struct.pack(">i", 8 * len(obj)) + bytes(obj)


class _BitsLoader(adapt.Loader):
    format = pq.Format.BINARY

    def load(self, data: Any) -> bytes:
        return bytes(data[4:])


def _rows(cursor: Any) -> Callable[[Sequence[Any]], Row]:
    places: dict[str, int] = {}
    for place, column in enumerate(cursor.description or ()):
        places.setdefault(column.name, place)
    return lambda values: Row(values, places)


def connect(address: PostgresAddress, generation: str = "", *, write: bool) -> PostgresConnection:
    """A connection of its own; psycopg.Error."""
    more = {"target_session_attrs": "read-write"} if write else {}
    raw = _RawConnection.connect(
        address.libpq,
        autocommit=True,
        connect_timeout=CONNECT_SECONDS,
        application_name=f"packsight {os.getpid()}",
        **more,  # type: ignore[arg-type]
    )
    try:
        _configure(raw, write=write)
        _search_in(raw, address, generation)
    except BaseException:
        raw.close()
        raise
    return PostgresConnection(raw)


def _configure(raw: psycopg.Connection[Any], *, write: bool = False) -> None:
    raw.adapters.register_dumper(str, StrDumper)
    raw.adapters.register_dumper(Bits, _BitsDumper)
    raw.adapters.register_loader(_BITS, _BitsLoader)
    settings = {}
    if "statement_timeout" not in raw.info.options:
        settings["statement_timeout"] = "0" if write else f"{READ_SECONDS}s"
    if "lock_timeout" not in raw.info.options:
        settings["lock_timeout"] = f"{LOCK_SECONDS}s"
    for name, value in settings.items():
        raw.execute("SELECT set_config(%s, %s, false)", (name, value))


def _search_in(raw: _RawConnection, address: PostgresAddress, generation: str) -> None:
    """Find tables in the schemas of a generation, or of what belongs to none."""
    path = _path(address, generation)
    if raw.path == path and raw.pgvector:
        return
    if raw.path not in ((), path):
        # psycopg forgets what it prepared, at a statement that it has not seen: one that was
        # prepared here gives other columns there.
        raw.execute(f"ROLLBACK -- {next(_SWITCHES)}")
    if not raw.pgvector:
        _learn_vectors(raw)
    named = [*path, *filter(None, [raw.pgvector])]
    shown = ", ".join(f'"{name}"' for name in named)
    raw.execute("SELECT set_config('search_path', %s, false)", (shown,))
    raw.path = path


def _path(address: PostgresAddress, generation: str) -> tuple[str, ...]:
    """Schemas in which tables are looked for."""
    own = [address.generation_schema(generation)] if generation else []
    return (*own, address.schema)


def _learn_vectors(raw: _RawConnection) -> None:
    """How pgvector's type is read and written, where the database has it."""
    row = raw.execute(
        "SELECT t.oid, n.nspname, e.extversion FROM pg_extension e "
        "JOIN pg_namespace n ON n.oid = e.extnamespace "
        "JOIN pg_type t ON t.typnamespace = n.oid AND t.typname = 'vector' "
        "WHERE e.extname = 'vector'"
    ).fetchone()
    if row is not None:
        psycopg.types.TypeInfo("vector", row[0], 0).register(raw)
        raw.adapters.register_loader(row[0], _VectorLoader)
        raw.adapters.register_dumper(Vector, type("_Dumper", (_VectorDumper,), {"oid": row[0]}))
        raw.pgvector = str(row[1])
        raw.has_graphs = [int(part) for part in str(row[2]).split(".")[:2]] >= [0, 8]


_SWITCHES = count()


class Readers:
    """The connections by which this process reads a database. Kept open, lent for a transaction
    each. A server that is away is noticed at once: a pool that waits for it would hold up every
    request."""

    def __init__(self, address: PostgresAddress) -> None:
        self._address = address
        self._idle: list[tuple[float, _RawConnection]] = []  # since when; the last used comes last
        self._lent = 0
        self._free = threading.BoundedSemaphore(READERS)
        self._guard = threading.Lock()
        self._refused: tuple[float, psycopg.OperationalError] | None = None

    def take(self, address: PostgresAddress, generation: str = "") -> PostgresConnection:
        """In a transaction, to read the schemas of this gallery. Those that the server has dropped
        meanwhile are replaced."""
        taken, _ = self._taken(
            _path(address, generation), lambda one: _begun(one, address, generation)
        )
        return taken

    def ask(self, statement: str) -> Row | None:
        """The first row of a statement that names its schemas: by one way to the server and back,
        without a transaction."""
        taken, row = self._taken(None, lambda one: one.run(statement).fetchone())
        self.give_back(taken)
        return row

    def _taken(
        self, path: tuple[str, ...] | None, begin: Callable[[PostgresConnection], T]
    ) -> tuple[PostgresConnection, T]:
        if not self._free.acquire(timeout=CONNECT_SECONDS):
            raise errors.TooManyConnections(f"all {READERS} connections of this process are in use")
        with self._guard:
            self._lent += 1
        try:
            while (kept := self._kept(path)) is not None:
                with suppress(psycopg.OperationalError):
                    return PostgresConnection(kept), _first(kept, begin)
            raw = self._connected()
            return PostgresConnection(raw), _first(raw, begin)
        except BaseException:
            self._let_go()
            raise

    def _let_go(self) -> None:
        with self._guard:
            self._lent -= 1
        self._free.release()

    def give_back(self, taken: PostgresConnection) -> None:
        """What was read is let go of. By COMMIT: psycopg forgets the statements that it prepared
        at every ROLLBACK."""
        with suppress(psycopg.Error):
            taken.commit()
        now = time.monotonic()
        with self._guard:
            if not taken.raw.closed:
                self._idle.append((now, taken.raw))
            unused = [one for one in self._idle if now - one[0] > _IDLE_SECONDS]
            self._idle = self._idle[len(unused) :]
        self._let_go()
        for _, raw in unused:
            raw.close()

    def _kept(self, path: tuple[str, ...] | None) -> _RawConnection | None:
        """One that has read these schemas last (None: any), and has prepared its statements for
        them, if there is one; another one where no more may be opened: it forgets them."""
        with self._guard:
            places = [n for n, (_, raw) in enumerate(self._idle) if path in (None, raw.path)]
            if not places and len(self._idle) + self._lent <= READERS:
                return None
            return self._idle.pop(places[-1] if places else 0)[1] if self._idle else None

    def _connected(self) -> _RawConnection:
        if self._refused is not None and time.monotonic() - self._refused[0] < _AGAIN_SECONDS:
            raise self._refused[1]
        try:
            return connect(self._address, write=False).raw
        except psycopg.OperationalError as error:
            self._refused = time.monotonic(), error
            raise


def _first(raw: _RawConnection, begin: Callable[[PostgresConnection], T]) -> T:
    try:
        return begin(PostgresConnection(raw))
    except BaseException:
        raw.close()
        raise


def _begun(taken: PostgresConnection, address: PostgresAddress, generation: str) -> None:
    taken.search_in(address, generation)
    taken.begin()


_readers: dict[tuple[int, str], Readers] = {}
_guard = threading.Lock()


def readers(address: PostgresAddress) -> Readers:
    """Those of this process, which a child that was forked does not share."""
    key = (os.getpid(), address.libpq)
    with _guard:
        if key not in _readers:
            _readers[key] = Readers(address)
        return _readers[key]


@contextmanager
def translated(where: str) -> Iterator[None]:
    """Errors of PostgreSQL as GalleryError, with the remedy; ``where``: the address as it is
    shown."""
    try:
        yield
    except psycopg.Error as error:
        raise _explained(where, error) from error


def _explained(where: str, error: psycopg.Error) -> GalleryError:
    text = without_password(" ".join(str(error).split()))
    text = re.sub(r"(percent-encoded \w+): .*", r"\1", text)  # may be a password
    again = "Run the same command again."
    if isinstance(error, psycopg.OperationalError) and re.search(_LOST, text):
        return DisconnectedError(
            f"{where}: the server has ended the connection ({text}).", remedy=again
        )
    for kinds, words, problem, remedy in _EXPLANATIONS:
        if isinstance(error, kinds) and re.search(words, text):
            return GalleryError(f"{where}: {problem} ({text}).", remedy=remedy or again)
    return GalleryError(f"{where}: {text.rstrip('.')}.")


# Of a connection that was made, not of one that cannot be.
_LOST = (
    "^(?!connection failed|Multiple connection).*"
    "(terminating connection|server closed the connection|connection is (lost|closed)|"
    "consuming input failed|could not receive data)"
)
_Explanation = tuple[tuple[type[psycopg.Error], ...], str, str, str]
_ANY = (psycopg.Error,)
_EXPLANATIONS: tuple[_Explanation, ...] = (
    (
        _ANY,
        'password authentication failed|no password supplied|SASL|role ".*" does not exist',
        "the server refuses this user or password",
        "Keep the password in ~/.pgpass or PGPASSWORD, and see that the user is right.",
    ),
    (
        _ANY,
        'database ".*" does not exist',
        "there is no such database",
        "Make it: createdb NAME; and in it, as a superuser: CREATE EXTENSION vector",
    ),
    (
        _ANY,
        "invalid (port|integer)|percent-encoded|URI query parameter|connection info string",
        "this address cannot be understood",
        ADDRESS,
    ),
    (
        (psycopg.OperationalError,),
        "certificate|SSL",
        "no connection by TLS as the address wants it",
        "See sslmode and sslrootcert in the address, and that the server has TLS.",
    ),
    (
        (psycopg.OperationalError,),
        "too many (connections|clients)|connection slots|get a connection",
        "all connections are in use",
        f"A process takes up to {READERS}: raise max_connections, or put PgBouncer between.",
    ),
    (
        (psycopg.OperationalError,),
        "session is read-only|session is not read-write",
        "only replicas answer, and they cannot be written to",
        "Name the primary server in the address, too: postgresql://PRIMARY,REPLICA/…",
    ),
    (
        (errors.ReadOnlySqlTransaction,),
        "",
        "this server is a replica, or set to be read-only",
        "Name the primary server in the address, too: postgresql://PRIMARY,REPLICA/…",
    ),
    (
        (errors.DiskFull,),
        "",
        "the server's disk is full; what was acknowledged before is safe",
        "Free space there and run the same command again.",
    ),
    (
        (errors.QueryCanceled,),
        "",
        "a statement took longer than the limit",
        "Raise it in the address: options=-c%20statement_timeout=300s",
    ),
    (
        (errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure),
        "",
        "another process has held what is needed for too long",
        "",
    ),
    (
        (errors.InsufficientPrivilege,),
        "",
        "this user may not do that",
        "Let the owner of the schema do it, or grant the right; docs/scale.md has the roles.",
    ),
    (
        (errors.UndefinedTable, errors.InvalidSchemaName),
        "",
        "its tables are not there: it was deleted, or this user may not see them",
        "Ingest into it, or let the owner grant the right; docs/scale.md has the roles.",
    ),
    (
        (errors.DataError, psycopg.DataError),
        "",
        "a value cannot be stored",
        "PostgreSQL keeps no NUL character: see the names and labels of the images.",
    ),
    (
        (psycopg.OperationalError,),
        "",
        "the server does not answer",
        "See that PostgreSQL runs and can be reached, and run the same command again.",
    ),
)

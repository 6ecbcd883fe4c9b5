"""Arrays by key in one SQLite file: what mattes, cutouts, vectors and descriptions are kept in.

The file is in WAL mode with ``synchronous = NORMAL``: a batch that was put is whole or absent
after a killed process and after a power cut; a power cut alone may cost the last batches. Every
call opens the file anew, so that a cache that was deleted meanwhile is simply empty. What a store
lacks is made again.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from engine.errors import ConfigError
from engine.files import replacing

FILE, LOCK = "blobs.sqlite", "blobs.lock"
BUSY_SECONDS = 60.0  # how long a statement waits for another process's transaction, of ms each
AT_ONCE = 500  # keys in one statement; SQLite allows 999 in its oldest builds
# Of a limited store, evicted with one batch at most: a batch brings far less, and a limit that was
# lowered is reached step by step instead of in one long transaction.
EVICTED_AT_ONCE = 64 * 2**20

_SCHEMA = """CREATE TABLE blobs (
    key TEXT PRIMARY KEY,
    note TEXT NOT NULL,       -- JSON
    shape TEXT NOT NULL,      -- JSON, a list of integers
    dtype TEXT NOT NULL,      -- as NumPy writes it, with the byte order: '<f4'
    data BLOB NOT NULL,
    checksum INTEGER NOT NULL -- CRC-32 of the five above
)"""
# What SQLite's messages have in common where a disk is full, failing or closed to this user.
_OF_THE_DISK = ("full", "disk I/O", "readonly", "unable to open")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Blob:
    """``note``: what else is known of the array, as JSON can hold it."""

    array: npt.NDArray[Any]
    note: Any = None


class Blobs:
    """Several processes may use one folder: what one has put, the others read.

    ``what`` names the arrays in messages. Beyond ``limit`` bytes the blobs that were put first
    make room. Raises ConfigError where the folder cannot be written, its disk is full, its file is
    damaged, or another process holds it for too long.
    """

    def __init__(self, folder: Path, what: str, limit: int | None = None) -> None:
        from filelock import FileLock

        self.folder = folder
        self.what = what
        self.limit = limit
        self._lock = FileLock(folder / LOCK)

    def read(self, keys: Iterable[str]) -> Iterator[tuple[str, Blob]]:
        """Those that are kept, each once, in any order; arrays are read-only. A blob whose bytes
        are not those that were put counts as absent: it is made and put again."""
        wanted = list(dict.fromkeys(keys))
        for start in range(0, len(wanted), AT_ONCE):
            block = set(wanted[start : start + AT_ONCE])
            for row in self._select(block):
                blob = _blob(row)
                if blob is not None and row[0] in block:
                    yield row[0], blob

    def filled(
        self, keys: Iterable[str], make: Callable[[list[str]], Iterable[Mapping[str, Blob]]]
    ) -> Iterator[tuple[str, Blob]]:
        """As ``read``, then what is missing: ``make`` yields it in batches, and each is put before
        it is yielded here. One process makes at a time: a second waits, and then finds it made."""
        missing = dict.fromkeys(keys)
        for key, blob in self.read(missing.copy()):
            del missing[key]
            yield key, blob
        if not missing:
            return
        with self._one_writer():
            for key, blob in self.read(missing.copy()):  # by the process that it waited for
                del missing[key]
                yield key, blob
            for batch in make(list(missing)) if missing else ():
                self.put(batch)
                yield from batch.items()

    def put(self, blobs: Mapping[str, Blob]) -> None:
        """All or, where the process is killed, none of them; a key that is there is replaced."""
        rows = [_row(key, blob) for key, blob in blobs.items()]
        with self.explained(), self._locked():
            self._create()
            with self._open() as connection:
                with connection:
                    connection.executemany("REPLACE INTO blobs VALUES (?, ?, ?, ?, ?, ?)", rows)
                    self._evict(connection)
                self._shrink(connection)

    def count(self) -> tuple[int, int]:
        """How many blobs there are, and the bytes of their file."""
        with self.explained():
            if not (self.folder / FILE).is_file():
                return 0, 0
            with self._open() as connection:
                (blobs,) = connection.execute("SELECT count(*) FROM blobs").fetchone()
            return blobs, (self.folder / FILE).stat().st_size

    def clear(self) -> None:
        """Delete all; also what is damaged."""
        with self.explained():
            if self.folder.is_dir():
                with self._locked():
                    for path in self.folder.glob(f"{FILE}*"):
                        path.unlink(missing_ok=True)

    def damaged(self, reason: str) -> ConfigError:
        return ConfigError(
            f"{self.folder}: the kept {self.what} are damaged ({reason}).",
            remedy=f"Delete {self.folder} and run the same command again: it only keeps what can "
            "be made anew.",
        )

    def _select(self, keys: Collection[str]) -> list[tuple[Any, ...]]:
        sql = f"SELECT * FROM blobs WHERE key IN ({', '.join('?' * len(keys))})"
        with self.explained():
            if not (self.folder / FILE).is_file():
                return []
            with self._open() as connection:
                return connection.execute(sql, tuple(keys)).fetchall()

    @contextmanager
    def _one_writer(self) -> Iterator[None]:
        from filelock import Timeout

        with self.explained():
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                _log.warning("%s: another run makes these %s; waiting", self.folder, self.what)
                self._lock.acquire()
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=BUSY_SECONDS)
        except Timeout:
            raise self._busy() from None
        try:
            yield
        finally:
            self._lock.release()

    def _evict(self, connection: sqlite3.Connection) -> None:
        """Delete the oldest rows, whose ids are the lowest, until the others fit."""
        if self.limit is None:
            return
        used, free, page = _pages(connection)
        excess = min((used - free) * page - self.limit, EVICTED_AT_ONCE)
        rows = connection.execute("SELECT rowid, length(data) FROM blobs ORDER BY rowid")
        last = 0
        for row, size in rows if excess > 0 else ():
            last = row
            excess -= size
            if excess <= 0:
                break
        if last:
            connection.execute("DELETE FROM blobs WHERE rowid <= ?", (last,))

    def _shrink(self, connection: sqlite3.Connection) -> None:
        """Give back what is free beyond the limit: new rows reuse the rest."""
        if self.limit is None:
            return
        used, free, page = _pages(connection)
        excess = min(used - self.limit // page, free, EVICTED_AT_ONCE // page)
        if excess > 0:
            # ``execute`` would take its first step alone, a page.
            connection.executescript(f"PRAGMA incremental_vacuum({excess})")

    def _create(self) -> None:
        """Whole at once: a file that exists has its table. To be called under the lock."""
        if (self.folder / FILE).is_file():
            return
        for log in self.folder.glob(f"{FILE}-*"):  # of a file that was deleted without them
            log.unlink(missing_ok=True)
        with (
            replacing(self.folder / FILE) as path,
            closing(sqlite3.connect(path)) as connection,
            connection,
        ):
            if self.limit is not None:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute(_SCHEMA)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.connect(self.folder / FILE, timeout=BUSY_SECONDS)) as connection:
            connection.execute("PRAGMA synchronous = NORMAL")
            yield connection

    @contextmanager
    def explained(self) -> Iterator[None]:
        """Errors of the file system and of SQLite as ConfigErrors."""
        try:
            yield
        except OSError as error:
            raise self._unwritable(error) from error
        except sqlite3.Error as error:
            if "locked" in str(error):
                raise self._busy() from error
            if any(reason in str(error) for reason in _OF_THE_DISK):
                raise self._unwritable(error) from error
            raise self.damaged(str(error)) from error

    def _busy(self) -> ConfigError:
        return ConfigError(
            f"{self.folder}: another process has held these {self.what} for over "
            f"{BUSY_SECONDS:.0f} s.",
            remedy="Wait for it to end and run the same command again.",
        )

    def _unwritable(self, error: Exception) -> ConfigError:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        chosen = "PACKSIGHT_MATTES_DIR" if self.what == "mattes" else "--cache"
        return ConfigError(
            f"{self.folder}: {self.what} cannot be kept there ({reason}).",
            remedy=f"Free some room, or choose another {chosen}; the same command goes on.",
        )


def _pages(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """Pages of the file, those of them that are free, and bytes a page."""
    names = ("page_count", "freelist_count", "page_size")
    used, free, size = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names)
    return used, free, size


def _row(key: str, blob: Blob) -> tuple[str, str, str, str, bytes, int]:
    """In the order of the table's columns."""
    data = np.ascontiguousarray(blob.array).tobytes()
    about = key, json.dumps(blob.note), json.dumps(blob.array.shape), blob.array.dtype.str
    return *about, data, _checksum(*about, data)


def _blob(row: Sequence[Any]) -> Blob | None:
    """None where the row is not the one that was put; a damaged schema may lack columns."""
    try:
        key, note, shape, dtype, data, checksum = row
        if _checksum(key, note, shape, dtype, data) != checksum:
            return None
        return Blob(np.frombuffer(data, dtype).reshape(json.loads(shape)), json.loads(note))
    except (TypeError, ValueError):
        return None


def _checksum(key: str, note: str, shape: str, dtype: str, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(f"{key} {note} {shape} {dtype}".encode()))

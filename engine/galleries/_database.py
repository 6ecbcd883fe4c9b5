"""Tables beside those of a gallery, of decisions or jobs, which belong to no generation."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from typing import Protocol

from engine.errors import GalleryError
from engine.galleries import _schema
from engine.galleries._connection import Connection


class Database(Protocol):
    """Thread-safe, one transaction at a time; any number of processes may read and write. What
    COMMIT has acknowledged survives a killed process and a power cut. GalleryError where it cannot
    be read or written."""

    @property
    def where(self) -> str:
        """What errors call the gallery."""
        ...

    @property
    def name(self) -> str:
        """What errors call the tables: a file, or a table."""
        ...

    def close(self) -> None: ...

    def reading(self) -> AbstractContextManager[Connection | None]:
        """One snapshot, joined if a transaction is open already; None where nothing was written
        yet."""
        ...

    def reading_apart(self) -> AbstractContextManager[Connection | None]:
        """As ``reading``, by a connection of its own: others need not wait."""
        ...

    def changing(self) -> AbstractContextManager[Connection]:
        """One transaction, joined if one is open already: all of it is acknowledged by COMMIT, or
        none of it happened. Meanwhile nothing is written in any process."""
        ...


class FileDatabase:
    """The file ``name`` in ``folder``, of one ``version`` of its ``tables``; made by its first
    write."""

    def __init__(self, folder: Path, name: str, version: int, tables: Sequence[str]) -> None:
        self.folder = folder
        self.name = name
        self._version = version
        self._tables = (*tables, f"PRAGMA user_version = {version}")
        self._connection: _schema.SqliteConnection | None = None
        self._inode = 0
        self._guard = threading.RLock()

    @property
    def where(self) -> str:
        return str(self.folder)

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """One snapshot, joined if a transaction is open already; None where nothing was written
        yet."""
        with self._guard, _schema.translated(self.folder, self.name):
            if self._connection is not None and self._connection.in_transaction:
                yield self._connection
                return
            connection = self._connected() if (self.folder / self.name).is_file() else None
            if connection is None:
                yield None
                return
            connection.execute("BEGIN")
            try:
                yield connection if self._holds_tables(connection) else None
            finally:
                connection.rollback()

    @contextmanager
    def reading_apart(self) -> Iterator[Connection | None]:
        with _schema.translated(self.folder, self.name):
            if not (self.folder / self.name).is_file():
                yield None
                return
            with closing(_schema.connect(self.folder, self.name)) as connection:
                yield connection if self._holds_tables(connection) else None

    @contextmanager
    def changing(self) -> Iterator[Connection]:
        """One transaction, joined if one is open already: all of it is acknowledged by COMMIT, or
        none of it happened. Meanwhile nothing is written in any process."""
        with self._guard, _schema.translated(self.folder, self.name):
            connection = self._connected()
            if connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not self._holds_tables(connection):
                    for statement in self._tables:
                        connection.execute(statement)
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def _connected(self) -> _schema.SqliteConnection:
        """To the file that lies there now: the folder may have been made anew."""
        if self._connection is not None and self._connection.in_transaction:
            return self._connection
        path = self.folder / self.name
        inode = path.stat().st_ino if path.is_file() else 0
        if self._connection is None or inode != self._inode:
            self.close()
            if not self.folder.is_dir():
                raise GalleryError(f"{self.folder}: no such folder.")
            self._connection = _schema.connect(self.folder, self.name)
            self._inode = path.stat().st_ino
        return self._connection

    def _holds_tables(self, connection: sqlite3.Connection) -> bool:
        """Not where a process was killed before it had made them."""
        found = _schema.version(connection)
        if found > self._version:
            raise GalleryError(
                f"{self.folder}: {self.name} was written by a newer Packsight.",
                remedy="Update Packsight.",
            )
        return found > 0

"""Tables of a gallery in PostgreSQL that belong to no generation: of decisions, of jobs."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from engine.errors import GalleryError
from engine.galleries._postgres_address import PostgresAddress
from engine.galleries._postgres_connection import PostgresConnection, connect, readers, translated


class PostgresDatabase:
    """See ``_database.Database``. The table is made with the gallery."""

    def __init__(self, address: PostgresAddress, table: str) -> None:
        self.where = address.shown
        self.name = table
        self._table = f'"{address.schema}".{table}'  # not one of pgvector's schema
        self._address = address
        self._connection: PostgresConnection | None = None  # by which the table is changed
        self._guard = threading.RLock()

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def reading(self) -> Iterator[PostgresConnection | None]:
        """In the transaction of this thread, if one is open."""
        with self._guard:
            if self._connection is not None and self._connection.in_transaction:
                yield self._connection
                return
        with self.reading_apart() as connection:
            yield connection

    @contextmanager
    def reading_apart(self) -> Iterator[PostgresConnection | None]:
        pool = readers(self._address)
        with translated(self.where):
            connection = pool.take(self._address)
            try:
                yield connection if connection.columns(self._table) else None
            finally:
                pool.give_back(connection)

    @contextmanager
    def changing(self) -> Iterator[PostgresConnection]:
        """The table is locked against others that change it, and can be read."""
        with self._guard, translated(self.where):
            if self._connection is not None and self._connection.in_transaction:
                yield self._connection
                return
            connection = self._begun()
            try:
                if not connection.columns(self._table):
                    raise GalleryError(
                        f"{self.where}: no gallery here.",
                        remedy=f"Make one with: packsight ingest FOLDER --gallery '{self.where}'",
                    )
                connection.run(f"LOCK TABLE {self._table} IN EXCLUSIVE MODE")
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def _begun(self) -> PostgresConnection:
        """In a transaction, by a new connection where the server has dropped the last one."""
        if self._connection is not None:
            try:
                self._connection.begin(write=True)
                return self._connection
            except psycopg.OperationalError:
                self._connection.close()
        self._connection = connect(self._address, write=True)
        self._connection.begin(write=True)
        return self._connection

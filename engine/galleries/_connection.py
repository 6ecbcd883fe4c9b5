"""A connection to the database of a gallery, as the code needs it that both homes share.

Statements are of SQLite. What PostgreSQL has no word for it is given by its schema (functions of
the same name) or by its connection, which reads them; see ``_postgres_connection``. So they keep to
what both have: lists come as JSON (``json_each``), numbers among them as
``CAST(value AS BIGINT)``; rows are replaced by ON CONFLICT; texts are ordered by code points.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

Parameters = Sequence[object] | Mapping[str, object]

# A list of ids as a parameter, for ``IN``.
IDS = "(SELECT CAST(value AS BIGINT) FROM json_each(?))"


class Row(Protocol):
    """Of a result: by the number of the column, or by its name."""

    def __getitem__(self, key: Any, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...

    def keys(self) -> Iterable[str]: ...


class Cursor(Protocol):
    @property
    def rowcount(self) -> int: ...

    def fetchone(self) -> Any: ...

    def fetchmany(self, size: int, /) -> list[Any]: ...

    def fetchall(self) -> list[Any]: ...

    def __iter__(self) -> Iterator[Any]: ...


class Connection(Protocol):
    @property
    def in_transaction(self) -> bool: ...

    @property
    def leading_number(self) -> str:
        """An expression: the number that the text in the column ``value`` begins with, or NULL; as
        ``engine.request`` reads it."""
        ...

    @property
    def longest(self) -> int:
        """Characters of a text that an index holds; of a longer one the first of them."""
        ...

    def execute(self, sql: str, parameters: Any = (), /) -> Cursor: ...

    def stream(self, sql: str, parameters: Parameters = (), /) -> Cursor:
        """As ``execute``, for results that are too large for memory: rows are read as they are
        fetched."""
        ...

    def columns(self, table: str) -> list[str]:
        """Their names; none where the gallery has no such table."""
        ...

    def faults(self) -> list[str]:
        """What the database finds damaged in its own files, one sentence each."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

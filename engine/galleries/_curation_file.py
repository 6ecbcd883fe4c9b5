"""The file of decisions beside a gallery's database: its tables, transactions and rows.

Rows are never changed, and triggers hold to that. Time is in microseconds since 1970, in UTC.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.decisions import AcceptedMask, Decided, MaskDecision, from_plain, to_plain
from engine.errors import DamageError, GalleryError
from engine.galleries import _schema

VERSION = 1  # of the tables
TABLES = (
    """
    CREATE TABLE decisions (
        id TEXT PRIMARY KEY,
        time INTEGER NOT NULL,
        who TEXT NOT NULL,
        kind TEXT NOT NULL,
        slot TEXT NOT NULL,
        value TEXT NOT NULL,
        digest TEXT,
        bits BLOB
    ) STRICT
    """,
    "CREATE INDEX decisions_by_slot ON decisions (kind, slot, time, id)",
    "CREATE INDEX decisions_by_time ON decisions (time, id)",
    """
    CREATE TRIGGER decisions_stay BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are only appended'); END
    """,
    """
    CREATE TRIGGER decisions_are_kept BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are only appended'); END
    """,
    f"PRAGMA user_version = {VERSION}",
)
_VALID = (
    "NOT EXISTS (SELECT 1 FROM decisions AS undo WHERE undo.kind = 'undo' AND undo.slot = given.id)"
)
# The latest of every slot. Bits of masks are large: they are read of one image at a time.
IN_FORCE = f"""
SELECT *, NULL AS bits FROM (
    SELECT id, time, who, kind, slot, value, digest,
        row_number() OVER (PARTITION BY slot ORDER BY time DESC, id DESC) AS nth
    FROM decisions AS given WHERE kind = ? AND {_VALID}
) WHERE nth = 1
"""
IN_FORCE_OF = f"""
SELECT * FROM decisions AS given WHERE kind = ? AND slot = ? AND {_VALID}
ORDER BY time DESC, id DESC LIMIT 1
"""
# What was decided last of an image, by itself or as one of a pair; pairs that were decided anew
# count by their latest verdict.
EXCLUDED = f"""
SELECT image FROM (
    SELECT image, excluded,
        row_number() OVER (PARTITION BY image ORDER BY time DESC, id DESC) AS nth
    FROM (
        SELECT slot AS image, json_extract(value, '$.excluded') AS excluded, time, id
        FROM decisions AS given WHERE kind = 'exclusion' AND {_VALID}
        UNION ALL
        SELECT replace(replace(slot, kept, ''), ' ', ''), 1, time, id FROM (
            SELECT slot, json_extract(value, '$.keep') AS kept, time, id,
                row_number() OVER (PARTITION BY slot ORDER BY time DESC, id DESC) AS nth
            FROM decisions AS given WHERE kind = 'pair' AND {_VALID}
        ) WHERE nth = 1 AND kept IS NOT NULL
    )
) WHERE nth = 1 AND excluded
"""
COUNTS = f"""
SELECT kind, count(DISTINCT slot) AS count FROM decisions AS given
WHERE kind != 'undo' AND {_VALID} GROUP BY kind ORDER BY kind
"""
ONE = "SELECT * FROM decisions WHERE id = ?"
LOG = "SELECT * FROM decisions ORDER BY time, id"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class CurationFile:
    """Opened when it is needed, made when something is decided. One transaction at a time, from
    any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._connection: sqlite3.Connection | None = None
        self._guard = threading.RLock()

    def close(self) -> None:
        with self._guard:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """One snapshot, joined if one is open already; None where nothing was decided yet."""
        with self._guard, _schema.translated(self.folder, _schema.CURATION):
            connection = self._connected() if self._is_there() else None
            if connection is None or connection.in_transaction:
                yield connection
                return
            connection.execute("BEGIN")
            try:
                yield connection if self._version(connection) else None
            finally:
                connection.rollback()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is acknowledged by COMMIT, or none of it happened."""
        with self._guard, _schema.translated(self.folder, _schema.CURATION):
            connection = self._connected()
            connection.execute("BEGIN IMMEDIATE")
            try:
                if not self._version(connection):
                    for statement in TABLES:
                        connection.execute(statement)
                yield connection
                connection.commit()
            except BaseException:
                connection.rollback()
                raise

    def log(self) -> Iterator[Decided]:
        """By a connection of its own: what is decided meanwhile need not wait."""
        with _schema.translated(self.folder, _schema.CURATION):
            if not self._is_there():
                return
            with closing(_schema.connect(self.folder, _schema.CURATION)) as connection:
                if self._version(connection):
                    for row in connection.execute(LOG):
                        yield self.decided(row)

    def append(self, connection: sqlite3.Connection, decided: Decided) -> None:
        """Inside ``writing``."""
        decision = decided.decision
        values, bits = to_plain(decision)
        mask = decision.mask if isinstance(decision, MaskDecision | AcceptedMask) else None
        connection.execute(
            "INSERT INTO decisions VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                decided.id,
                (decided.time - _EPOCH) // MICROSECOND,
                decided.who,
                decision.kind,
                decision.slot,
                json.dumps(values, ensure_ascii=False),
                None if mask is None else mask.digest,
                bits,
            ),
        )

    def decided(self, row: sqlite3.Row) -> Decided:
        """DamageError for a row that cannot be read."""
        try:
            decision = from_plain(row["kind"], json.loads(row["value"]), row["bits"])
            return Decided(row["id"], time_of(row["time"]), row["who"], decision)
        except (ValueError, TypeError, RecursionError) as error:
            raise DamageError(
                f"{self.folder}: decision {row['id']} in {_schema.CURATION} is damaged ({error}).",
                remedy="Restore it from a backup or an export.",
            ) from error

    def _is_there(self) -> bool:
        return (self.folder / _schema.CURATION).is_file()

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            if not self.folder.is_dir():
                raise GalleryError(f"{self.folder}: no such folder.")
            self._connection = _schema.connect(self.folder, _schema.CURATION)
        return self._connection

    def _version(self, connection: sqlite3.Connection) -> int:
        """0: a process was killed before it had made the tables."""
        found = _schema.version(connection)
        if found > VERSION:
            raise GalleryError(
                f"{self.folder}: {_schema.CURATION} was written by a newer Packsight.",
                remedy="Update Packsight.",
            )
        return found


def time_of(microseconds: int) -> datetime:
    return _EPOCH + microseconds * MICROSECOND

"""The table of decisions beside those of a gallery: its transactions and rows.

Rows are never changed, and triggers hold to that. Time is in microseconds since 1970, in UTC.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from engine.decisions import (
    AcceptedMask,
    CategoryDecision,
    Decided,
    Exclusion,
    MaskDecision,
    Pair,
    from_plain,
    to_plain,
)
from engine.errors import DamageError
from engine.galleries import _schema, database_beside
from engine.galleries._connection import Connection, Cursor, Row

VERSION = 1  # of the tables
# Kinds that a gallery is brought to; their slots are contents.
CHANGING = {one.kind for one in (MaskDecision, Exclusion, CategoryDecision, Pair)}
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
)
_VALID = (
    "NOT EXISTS (SELECT 1 FROM decisions AS undo WHERE undo.kind = 'undo' AND undo.slot = given.id)"
)
# The latest of every slot. Bits of masks are large: they are read of one image at a time.
_IN_FORCE = f"""
SELECT *, NULL AS bits FROM (
    SELECT id, time, who, kind, slot, value, digest,
        row_number() OVER (PARTITION BY slot ORDER BY time DESC, id DESC) AS nth
    FROM decisions AS given WHERE kind = ? %s AND {_VALID}
) AS ranked WHERE nth = 1
"""
IN_FORCE_OF = f"""
SELECT * FROM decisions AS given WHERE kind = ? AND slot = ? AND {_VALID}
ORDER BY time DESC, id DESC LIMIT 1
"""
# What was decided last of an image, by itself or as one of a pair; pairs that were decided anew
# count by their latest verdict.
_EXCLUDED = f"""
SELECT image, id FROM (
    SELECT image, excluded, id,
        row_number() OVER (PARTITION BY image ORDER BY time DESC, id DESC) AS nth
    FROM (
        SELECT slot AS image, CAST(json_extract(value, '$.excluded') AS TEXT) AS excluded,
            time, id
        FROM decisions AS given WHERE kind = 'exclusion' %s AND {_VALID}
        UNION ALL
        SELECT replace(replace(slot, kept, ''), ' ', ''), '1', time, id FROM (
            SELECT slot, json_extract(value, '$.keep') AS kept, time, id,
                row_number() OVER (PARTITION BY slot ORDER BY time DESC, id DESC) AS nth
            FROM decisions AS given WHERE kind = 'pair' %s AND {_VALID}
        ) AS verdicts WHERE nth = 1 AND kept IS NOT NULL
    ) AS given
) AS ranked WHERE nth = 1 AND excluded IN ('1', 'true') %s
"""
_AMONG = "IN (SELECT value FROM json_each(?1))"
EXCLUDED = _EXCLUDED % ("", "", "")
EXCLUDED_AMONG = _EXCLUDED % (
    f"AND slot {_AMONG}",
    f"AND (substr(slot, 1, 64) {_AMONG} OR substr(slot, 66) {_AMONG})",
    f"AND image {_AMONG}",
)
ACCEPTED_AMONG = f"""
SELECT among.value AS image, digest FROM json_each(?) AS among
CROSS JOIN decisions AS given ON kind = 'accepted mask'
    AND slot > among.value || ' ' AND slot < among.value || '!'
WHERE {_VALID}
"""
COUNTS = f"""
SELECT kind, count(DISTINCT slot) AS count FROM decisions AS given
WHERE kind != 'undo' AND {_VALID} GROUP BY kind ORDER BY kind
"""
# What a decision is about, or the one that it makes void, in the order they were kept.
ABOUT = """
SELECT given.rowid AS place, given.id, coalesce(void.kind, given.kind) AS kind,
    coalesce(void.slot, given.slot) AS slot
FROM decisions AS given
LEFT JOIN decisions AS void ON given.kind = 'undo' AND void.id = given.slot
"""
LAST = "SELECT rowid AS place, id FROM decisions ORDER BY rowid DESC LIMIT 1"
ONE = "SELECT * FROM decisions WHERE id = ?"
LOG = "SELECT * FROM decisions ORDER BY time, id"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class CurationTable:
    """Opened when it is needed, made when something is decided."""

    def __init__(self, address: str | Path) -> None:
        self._database = database_beside(address, _schema.CURATION, VERSION, TABLES)
        self.where, self._name = self._database.where, self._database.name
        self.reading, self.changing = self._database.reading, self._database.changing
        self.close = self._database.close

    def log(self) -> Iterator[Decided]:
        """By a connection of its own: what is decided meanwhile need not wait."""
        with self._database.reading_apart() as connection:
            if connection is not None:
                for row in connection.stream(LOG):
                    yield self.decided(row)

    def append(self, connection: Connection, decided: Decided) -> None:
        """Inside ``changing``."""
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

    def decided(self, row: Row) -> Decided:
        """DamageError for a row that cannot be read."""
        try:
            decision = from_plain(row["kind"], json.loads(row["value"]), row["bits"])
            return Decided(row["id"], time_of(row["time"]), row["who"], decision)
        except (ValueError, TypeError, RecursionError) as error:
            raise DamageError(
                f"{self.where}: decision {row['id']} in {self._name} is damaged ({error}).",
                remedy="Restore it from a backup or an export.",
            ) from error


def in_force(connection: Connection, kind: str, slots: Collection[str] | None) -> Cursor:
    """The latest decision of every slot; None: of all."""
    if slots is None:
        return connection.execute(_IN_FORCE % "", (kind,))
    among = "AND slot IN (SELECT value FROM json_each(?))"
    return connection.execute(_IN_FORCE % among, (kind, json.dumps(list(slots))))


def contents_about(rows: Iterable[Row]) -> list[str]:
    """The sha256 of images of a gallery that rows of ``ABOUT`` may change, each once."""
    found: dict[str, None] = {}
    for row in rows:
        if row["kind"] in CHANGING:
            found |= dict.fromkeys(str(row["slot"]).split(" "))
    return list(found)


def time_of(microseconds: int) -> datetime:
    return _EPOCH + microseconds * MICROSECOND

"""What one write transaction does to the rows; it remembers the shards that it touches."""

from __future__ import annotations

import secrets
import sqlite3
from dataclasses import dataclass, field

from engine.galleries import _rows
from engine.types import CategoryScores, Description, Entry


@dataclass
class Writing:
    """Call inside a write transaction, ``renew_shards`` last."""

    connection: sqlite3.Connection
    _touched: set[tuple[str, bool]] = field(default_factory=set)

    def put(self, entry: Entry, description: Description) -> int:
        """Store an image, or replace the one at the same uri under its id."""
        category = entry.category or description.scores.top
        row = self.connection.execute("SELECT id FROM images WHERE uri = ?", (entry.uri,))
        known = row.fetchone()
        if known is not None:
            self._touch_of(known[0])
        identity: int = self.connection.execute(
            "INSERT INTO images (id, uri, sha256, size, mtime_ns, product_id, category, labelled,"
            " attributes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET sha256 = excluded.sha256, size = excluded.size,"
            " mtime_ns = excluded.mtime_ns, product_id = excluded.product_id,"
            " category = excluded.category, labelled = excluded.labelled,"
            " attributes = excluded.attributes RETURNING id",
            (known and known[0], *_entry_values(entry, category)),
        ).fetchone()[0]
        self.connection.execute(
            f"INSERT OR REPLACE INTO descriptions (id, {_rows.DESCRIPTION_COLUMNS})"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (identity, *_rows.description_values(description)),
        )
        self.touch(category, entry.category is not None)
        return identity

    def amend(self, identity: int, entry: Entry) -> None:
        """Raises KeyError for an id that is not there, ValueError for a label taken away."""
        old = self.connection.execute(
            "SELECT category, labelled FROM images WHERE id = ?", (identity,)
        ).fetchone()
        if old is None:
            raise KeyError(identity)
        if old[1] and entry.category is None:
            raise ValueError(f"{entry.uri}: a label cannot be taken away by amending")
        category = entry.category or old[0]
        self.connection.execute(
            "UPDATE images SET uri = ?, sha256 = ?, size = ?, mtime_ns = ?, product_id = ?,"
            " category = ?, labelled = ?, attributes = ? WHERE id = ?",
            (*_entry_values(entry, category), identity),
        )
        if (category, entry.category is not None) != (old[0], bool(old[1])):
            self.touch(old[0], bool(old[1]))
            self.touch(category, entry.category is not None)
            self._be_certain(identity, category)

    def delete(self, identity: int) -> int:
        """How many there were: 0 or 1."""
        self._touch_of(identity)
        return self.connection.execute("DELETE FROM images WHERE id = ?", (identity,)).rowcount

    def touch(self, category: str, labelled: bool) -> None:
        """The shard's index is out of step from here on."""
        self._touched.add((category, labelled))

    def renew_shards(self) -> None:
        """Give every touched shard a new token; forget those that became empty."""
        for category, labelled in self._touched:
            key = (category, int(labelled))
            filled = self.connection.execute(
                "SELECT 1 FROM images WHERE category = ? AND labelled = ? LIMIT 1", key
            ).fetchone()
            if filled is None:
                sql = "DELETE FROM shards WHERE category = ? AND labelled = ?"
                self.connection.execute(sql, key)
            else:
                self.connection.execute(
                    "INSERT OR REPLACE INTO shards (category, labelled, token) VALUES (?, ?, ?)",
                    (*key, secrets.token_hex(8)),
                )

    def _be_certain(self, identity: int, category: str) -> None:
        """A label is not predicted: what the classifier once said of the image is void."""
        names, values = _rows.score_values(CategoryScores.certain(category))
        self.connection.execute(
            "UPDATE descriptions SET score_names = ?, score_values = ? WHERE id = ?",
            (names, values, identity),
        )

    def _touch_of(self, identity: int) -> None:
        row = self.connection.execute(
            "SELECT category, labelled FROM images WHERE id = ?", (identity,)
        ).fetchone()
        if row is not None:
            self.touch(row[0], bool(row[1]))


def _entry_values(entry: Entry, category: str) -> tuple[object, ...]:
    return (
        entry.uri,
        entry.sha256,
        entry.size,
        entry.mtime_ns,
        entry.product_id,
        category,
        int(entry.category is not None),
        _rows.attributes_json(entry.attributes),
    )

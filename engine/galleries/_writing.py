"""One write transaction: changes of rows, and new tokens for the shards they belong to."""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.adaptation import domain_of
from engine.galleries import _rows
from engine.names import canonical
from engine.types import CategoryScores, Description, Entry


@dataclass
class Writing:
    """Call inside a write transaction, ``renew_shards`` last."""

    connection: sqlite3.Connection
    _touched: set[tuple[str, bool]] = field(default_factory=set)

    def put(self, entry: Entry, description: Description) -> int:
        """Store an image, or replace the one at the same uri, withdrawn or not, under its id."""
        category = entry.category or canonical(description.scores.top)
        row = self.connection.execute(
            "SELECT id FROM images WHERE uri = ?1"
            " UNION ALL SELECT id FROM withdrawn WHERE uri = ?1",
            (entry.uri,),
        )
        known = row.fetchone()
        if known is not None:
            self._touch_of(known[0])
            self.connection.execute("DELETE FROM withdrawn WHERE uri = ?", (entry.uri,))
        unknown = description.scores.unknown and entry.category is None
        image = {
            "id": known and known["id"],
            **_rows.image_row(entry, category),
            "unknown": int(unknown),
            "mask": entry.mask,
        }
        identity: int = self.connection.execute(
            f"INSERT INTO images {_rows.columns_and_values(image)} ON CONFLICT (id)"
            f" DO UPDATE SET {_rows.assignments(image, 'excluded.')} RETURNING id",
            image,
        ).fetchone()[0]
        # Replaced as a whole: what a newer Packsight keeps of the old description goes with it.
        described = {"id": identity, **_rows.description_row(description)}
        self.connection.execute(
            f"INSERT OR REPLACE INTO descriptions {_rows.columns_and_values(described)}", described
        )
        self.touch(category, entry.category is not None)
        return identity

    def amend(self, identity: int, entry: Entry) -> None:
        """Raises KeyError for an id that is not there, ValueError for a label taken away."""
        old = self.connection.execute(
            "SELECT category, labelled, attributes FROM images WHERE id = ?", (identity,)
        ).fetchone()
        if old is None:
            raise KeyError(identity)
        if old[1] and entry.category is None:
            raise ValueError(f"{entry.uri}: a label cannot be taken away by amending")
        category = entry.category or old[0]
        image = _rows.image_row(entry, category)
        if entry.category is not None:
            image["unknown"] = 0
        self._update("images", {"id": identity, **image})
        if domain_of(entry.attributes) != domain_of(json.loads(old[2])):
            self.touch(category, entry.category is not None)  # adapted otherwise
        if (category, entry.category is not None) != (old[0], bool(old[1])):
            self.touch(old[0], bool(old[1]))
            self.touch(category, entry.category is not None)
            self._be_certain(identity, category)

    def delete(self, identity: int) -> int:
        """How many there were, withdrawn or not: 0 or 1."""
        self._touch_of(identity)
        return sum(
            self.connection.execute(f"DELETE FROM {table} WHERE id = ?", (identity,)).rowcount
            for table in ("images", "withdrawn")
        )

    def withdraw(self, identity: int) -> int:
        """Take an image out of the index, with its description; how many there were: 0 or 1."""
        self._touch_of(identity)
        columns = ", ".join(self._columns("withdrawn"))
        self.connection.execute(
            f"INSERT INTO withdrawn ({columns}) "
            f"SELECT {columns} FROM images JOIN descriptions USING (id) WHERE id = ?",
            (identity,),
        )
        return self.connection.execute("DELETE FROM images WHERE id = ?", (identity,)).rowcount

    def restore(self, identity: int) -> int:
        """Put one that was withdrawn back as it was; how many there were: 0 or 1."""
        kept = self._columns("withdrawn")
        for table, once in (
            ("images", "AND uri NOT IN (SELECT uri FROM images)"),
            ("descriptions", "AND id IN (SELECT id FROM images)"),
        ):
            columns = ", ".join(name for name in self._columns(table) if name in kept)
            self.connection.execute(
                f"INSERT INTO {table} ({columns}) "
                f"SELECT {columns} FROM withdrawn WHERE id = ? {once}",
                (identity,),
            )
        self._touch_of(identity)
        return self.connection.execute("DELETE FROM withdrawn WHERE id = ?", (identity,)).rowcount

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
        """A label is not predicted: the classifier's scores of the image are void."""
        scores = _rows.score_columns(CategoryScores.certain(category))
        self._update("descriptions", {"id": identity, **scores})

    def _update(self, table: str, row: Mapping[str, object]) -> None:
        sql = f"UPDATE {table} SET {_rows.assignments(row)} WHERE id = :id"
        self.connection.execute(sql, row)

    def _columns(self, table: str) -> list[str]:
        rows = self.connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        return [str(name) for (name,) in rows]

    def _touch_of(self, identity: int) -> None:
        row = self.connection.execute(
            "SELECT category, labelled FROM images WHERE id = ?", (identity,)
        ).fetchone()
        if row is not None:
            self.touch(row[0], bool(row[1]))

"""One write transaction: changes of rows, and of the shards they belong to."""

from __future__ import annotations

import json
import secrets
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from engine.adaptation import domain_of
from engine.galleries import _rows
from engine.galleries._connection import IDS, Connection
from engine.galleries._shards import forget_changes, log_change, read_shards
from engine.names import canonical
from engine.types import CategoryScores, Description, Entry


@dataclass
class Writing:
    """Call inside a write transaction, ``renew_shards`` last."""

    connection: Connection
    # By id of each image that came, goes or changes: the shard that it was in.
    _before: dict[int, tuple[str, bool] | None] = field(default_factory=dict)
    _forgotten: set[tuple[str, bool]] = field(default_factory=set)

    def put_all(
        self,
        entries: Sequence[Entry],
        descriptions: Sequence[Description],
        wanted: Sequence[int] | None = None,
    ) -> list[int]:
        """As ``put``, one after the other."""
        ids: Sequence[int | None] = wanted or [None] * len(entries)
        return [self.put(*one) for one in zip(entries, descriptions, ids, strict=True)]

    def put(self, entry: Entry, description: Description, wanted: int | None = None) -> int:
        """Store an image, or replace the one at the same uri, withdrawn or not, under its id; under
        the id that is ``wanted``, in place of what has it."""
        category = _category(entry, description)
        row = self.connection.execute(
            "SELECT id FROM images WHERE uri = ?1"
            " UNION ALL SELECT id FROM withdrawn WHERE uri = ?1",
            (entry.uri,),
        )
        known = row.fetchone()
        if wanted is not None:
            for other in {wanted} if known is None else {wanted, int(known["id"])}:
                self.delete(other)
        elif known is not None:
            self._changes(known[0])
            self.connection.execute("DELETE FROM withdrawn WHERE uri = ?", (entry.uri,))
            wanted = int(known["id"])
        self._prepare([category])
        image = new_image_row(entry, description)
        image |= {} if wanted is None else {"id": wanted}
        identity: int = self.connection.execute(
            f"INSERT INTO images {_rows.columns_and_values(image)} ON CONFLICT (id)"
            f" DO UPDATE SET {_rows.assignments(image, 'excluded.')} RETURNING id",
            image,
        ).fetchone()[0]
        # Replaced as a whole: what a newer Packsight keeps of the old description goes with it.
        described = {"id": identity, **_rows.description_row(description)}
        described |= {name: image[name] for name in self._keys}
        self.connection.execute("DELETE FROM descriptions WHERE id = ?", (identity,))
        self.connection.execute(
            f"INSERT INTO descriptions {_rows.columns_and_values(described)}", described
        )
        self._before.setdefault(identity, None)
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
        moved = (category, entry.category is not None) != (old[0], bool(old[1]))
        # Adapted otherwise, where its domain is another one.
        if moved or domain_of(entry.attributes) != domain_of(json.loads(old[2])):
            self._changes(identity)
        self._prepare([category])
        self._update("images", {"id": identity, **image})
        if moved:
            self._be_certain(identity, category)

    def delete(self, identity: int) -> int:
        """How many there were, withdrawn or not: 0 or 1."""
        self._changes(identity)
        return sum(
            self.connection.execute(f"DELETE FROM {table} WHERE id = ?", (identity,)).rowcount
            for table in ("images", "withdrawn")
        )

    def withdraw(self, identity: int) -> int:
        """Take an image out of the index, with its description; how many there were: 0 or 1."""
        self._changes(identity)
        columns = ", ".join(self._columns("withdrawn"))
        self.connection.execute(
            f"INSERT INTO withdrawn ({columns}) "
            f"SELECT {columns} FROM images JOIN descriptions USING (id) WHERE id = ?",
            (identity,),
        )
        return self.connection.execute("DELETE FROM images WHERE id = ?", (identity,)).rowcount

    def restore(self, identity: int) -> int:
        """Put one that was withdrawn back as it was; how many there were: 0 or 1."""
        self._changes(identity)
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
        self._before.setdefault(identity, None)
        return self.connection.execute("DELETE FROM withdrawn WHERE id = ?", (identity,)).rowcount

    def forget(self, category: str, labelled: bool) -> None:
        """Whatever was derived from this shard is out of step from here on."""
        self._forgotten.add((category, labelled))

    def renew_shards(self) -> None:
        """Give every shard that changed a new token; forget those that became empty."""
        changed, counts = defaultdict[tuple[str, bool], set[int]](set), Counter[tuple[str, bool]]()
        now = self._shards_of(self._before)
        for identity, before in self._before.items():
            for shard, step in ((before, -1), (now.get(identity), 1)):
                if shard is not None:
                    changed[shard].add(identity)
                    counts[shard] += step
        held = {(shard.category, shard.labelled): shard for shard in read_shards(self.connection)}
        for category, labelled in changed.keys() | self._forgotten:
            key = (category, labelled)
            old = None if key in self._forgotten else held.get(key)
            images = 0 if old is None or old.images is None else old.images + counts[key]
            images = images or self._count(category, labelled)
            token = secrets.token_hex(8)
            if old is None or not images:
                forget_changes(self.connection, category, labelled)
            else:
                log_change(self.connection, old, token, changed[key])
            if images:
                self.connection.execute(
                    "INSERT INTO shards (category, labelled, token, images) VALUES (?, ?, ?, ?) "
                    "ON CONFLICT (category, labelled) "
                    "DO UPDATE SET token = excluded.token, images = excluded.images",
                    (category, int(labelled), token, images),
                )
            else:
                sql = "DELETE FROM shards WHERE category = ? AND labelled = ?"
                self.connection.execute(sql, (category, int(labelled)))

    def _prepare(self, categories: Collection[str]) -> None:
        """Call before images come into these categories, which may be the first of them."""

    def _count(self, category: str, labelled: bool) -> int:
        sql = "SELECT count(*) FROM images WHERE category = ? AND labelled = ?"
        (images,) = self.connection.execute(sql, (category, int(labelled))).fetchone()
        return int(images)

    def _be_certain(self, identity: int, category: str) -> None:
        """A label is not predicted: the classifier's scores of the image are void."""
        scores = _rows.score_columns(CategoryScores.certain(category))
        self._update("descriptions", {"id": identity, **scores})

    @cached_property
    def _keys(self) -> list[str]:
        """Columns of descriptions that are those of their images, too: they part the table."""
        return [name for name in ("category", "labelled") if name in self._columns("descriptions")]

    def _update(self, table: str, row: Mapping[str, object]) -> None:
        sql = f"UPDATE {table} SET {_rows.assignments(row)} WHERE id = :id"
        self.connection.execute(sql, row)

    def _columns(self, table: str) -> list[str]:
        return self.connection.columns(table)

    def _changes(self, identity: int) -> None:
        """Call before it does."""
        if identity not in self._before:
            shard = self._shards_of([identity]).get(identity)
            if shard is not None:
                self._before[identity] = shard

    def _shards_of(self, ids: Iterable[int]) -> dict[int, tuple[str, bool]]:
        rows = self.connection.execute(
            f"SELECT id, category, labelled FROM images WHERE id IN {IDS}",
            (json.dumps(list(ids)),),
        )
        return {row["id"]: (row["category"], bool(row["labelled"])) for row in rows}


def _category(entry: Entry, description: Description) -> str:
    return entry.category or canonical(description.scores.top)


def new_image_row(entry: Entry, description: Description) -> dict[str, object]:
    """Of a new image, without the id."""
    unknown = description.scores.unknown and entry.category is None
    row = _rows.image_row(entry, _category(entry, description))
    return row | {"unknown": int(unknown), "mask": entry.mask}

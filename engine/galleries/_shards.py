"""Shards: the parts of a catalogue with indexes of their own, and the log of what changed in them.

An index file is named by the token of the moment it was written at. The log leads from the present
token back to that one: what an index lacks is read from the database, in time that grows with what
changed and not with the shard.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import TypeVar

import numpy as np

from engine.config import INDEX_KINDS, IndexKind
from engine.distances import METRICS, Metric
from engine.galleries import _rows
from engine.galleries._connection import Connection
from engine.types import IntArray

T = TypeVar("T")

# What the names of files of vectors and of inverted lists end in.
EXACT = ".faiss"
WORDS = ".words"
# An index is written anew when more images changed than these, or than a 32nd of the shard: what
# changed is held in memory and read at each opening, at some 10 microseconds an image.
FEW = 1024
FRACTION = 32
# The log reaches back this many times as far, so that what is searched with while a writer works
# need not be derived from the whole shard.
LOGGED = 8


@dataclass(frozen=True)
class Shard:
    """The labelled (or predicted) images of one category, at one moment of its history."""

    category: str
    labelled: bool
    token: str
    adapted_by: int | None = None  # the version of the adaptation that its index is derived by
    images: int | None = None  # None: not counted, as in galleries of before

    def file_name(self, metric: Metric = "euclidean", index: IndexKind = "exact") -> str:
        """Of the index for a metric; that of Euclidean distance has no further name."""
        suffix = "" if metric == "euclidean" else f"-{metric}"
        by = "" if self.adapted_by is None else f"-a{self.adapted_by}"
        kind = EXACT if index == "exact" else f".{index}"
        return f"{self.name}-{self.token}{by}{suffix}{kind}"

    @property
    def words_name(self) -> str:
        """Of the inverted lists of its keypoints, which no adaptation changes."""
        return f"{self.name}-{self.token}{WORDS}"

    @property
    def name(self) -> str:
        """What the names of all its files begin with."""
        return f"{hashlib.sha256(self.category.encode()).hexdigest()[:16]}-{int(self.labelled)}"

    def token_of(self, file_name: str) -> str:
        """Of a file whose name begins with that of this shard."""
        return re.split(r"[-.]", file_name.removeprefix(f"{self.name}-"), maxsplit=1)[0]

    def kind(self, file_name: str) -> str:
        """What the name of such a file ends in, behind the token."""
        return file_name.removeprefix(f"{self.name}-{self.token_of(file_name)}")

    @property
    def kinds(self) -> set[str]:
        """Of the files that it may be searched by now."""
        pairs = product(METRICS, INDEX_KINDS)
        names = [self.file_name(metric, index) for metric, index in pairs]
        return {self.kind(name) for name in (*names, self.words_name)}


def read_shards(connection: Connection) -> list[Shard]:
    """All that the database lists, by category, those without labels first."""
    return shards_by(connection, _rows.adapted_by(connection))


def shards_by(connection: Connection, by: int | None) -> list[Shard]:
    """As ``read_shards``, where the version of the adaptation in use is known."""
    rows = map(dict, connection.execute("SELECT * FROM shards ORDER BY category, labelled"))
    return [
        Shard(row["category"], bool(row["labelled"]), row["token"], by, row.get("images"))
        for row in rows
    ]


def chosen_images(ids: IntArray) -> tuple[str, list[str]]:
    """Rows of images with these ids, as tables of a FROM clause and the values of its marks: found
    one by one, in time that does not grow with the shard."""
    # a row of json_each has an id of its own
    chosen = "(SELECT CAST(value AS BIGINT) AS chosen FROM json_each(?)) AS given"
    tables = f"{chosen} CROSS JOIN images ON images.id = chosen"
    return tables, [json.dumps(ids.tolist())]


def few(images: int) -> int:
    """How many changes of a shard are few: its indexes are not written anew for them."""
    return max(FEW, images // FRACTION)


def log_change(connection: Connection, before: Shard, token: str, ids: Iterable[int]) -> None:
    """Of a shard that was ``before`` and has a new ``token`` since these images came, went or
    changed; what lies too far back goes."""
    key = (before.category, int(before.labelled))
    blob = np.array(sorted(ids), "<i8").tobytes()
    sql = "SELECT max(changes) FROM shard_changes WHERE category = ? AND labelled = ?"
    (last,) = connection.execute(sql, key).fetchone()
    changes = (last or 0) + len(blob) // 8
    connection.execute(
        "INSERT INTO shard_changes (category, labelled, changes, before, after, ids)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (*key, changes, before.token, token, blob),
    )
    connection.execute(
        "DELETE FROM shard_changes WHERE category = ? AND labelled = ? AND changes < ?",
        (*key, changes - LOGGED * few(before.images or 0)),
    )


def forget_changes(connection: Connection, category: str, labelled: bool) -> None:
    """Of a shard: no index of before is brought up to date."""
    sql = "DELETE FROM shard_changes WHERE category = ? AND labelled = ?"
    connection.execute(sql, (category, int(labelled)))


def place(connection: Connection, shard: Shard, file_name: str) -> int | None:
    """How late in the history of a shard a file of it was written, found without walking through
    the log; None: at no moment that the log has."""
    key, token = (shard.category, int(shard.labelled)), shard.token_of(file_name)
    if token == shard.token:
        return sys.maxsize
    if not _is_logged(connection):
        return None
    sql = "SELECT changes FROM shard_changes WHERE after = ?"
    if (row := connection.execute(sql, (token,)).fetchone()) is not None:
        return int(row[0])
    sql = "SELECT before FROM shard_changes WHERE category = ? AND labelled = ? ORDER BY changes"
    first = connection.execute(f"{sql} LIMIT 1", key).fetchone()
    return 0 if first is not None and first[0] == token else None


def history(connection: Connection, shard: Shard) -> Iterator[tuple[str, IntArray]]:
    """Tokens of a shard, the present one first, each with the images that changed between it and
    the one that follows it."""
    token, ids = shard.token, np.empty(0, np.int64)
    logged = _is_logged(connection)
    while True:
        yield token, ids
        sql = "SELECT before, ids FROM shard_changes WHERE after = ?"
        row = connection.execute(sql, (token,)).fetchone() if logged else None
        if row is None:
            return
        token, ids = row[0], np.frombuffer(row[1], "<i8").astype(np.int64)


def _is_logged(connection: Connection) -> bool:
    """Galleries of before have no log until they are written to."""
    return bool(connection.columns("shard_changes"))


def latest(
    connection: Connection, shard: Shard, find: Callable[[str], T | None]
) -> tuple[T, IntArray] | None:
    """What ``find`` returns for the latest token of the shard that it returns anything for, and
    the distinct ids of all images that changed since."""
    changed = []
    for token, ids in history(connection, shard):
        changed.append(ids)
        if (found := find(token)) is not None:
            return found, np.unique(np.concatenate(changed))
    return None

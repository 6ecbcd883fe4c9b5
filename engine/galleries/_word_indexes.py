"""Inverted lists of keypoints, a file a shard, derived from the database, mapped from disk."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from engine.errors import DamageError
from engine.galleries import _rows
from engine.galleries._faiss_indexes import INDEXES, Shard
from engine.inverted_lists import InvertedLists, Words, most_in_common, query_words, words_of
from engine.keypoints import Keypoints
from engine.protocols import Vocabulary

log = logging.getLogger(__name__)

BLOCK = 512  # images in memory at a time: 6 MB of keypoints


@dataclass
class WordIndexes:
    """Opens, builds and searches the inverted lists of every shard; keeps the current ones open."""

    folder: Path
    _open: dict[str, InvertedLists] = field(default_factory=dict)  # by the name of the file

    def search(
        self,
        connection: sqlite3.Connection,
        shards: Sequence[Shard],
        query: Keypoints,
        vocabulary: Vocabulary,
        count: int,
    ) -> list[int]:
        """The ids of ``count`` images that have most words of the query's keypoints."""
        words, weights = query_words(query, vocabulary)
        try:
            lists = [self.index(connection, shard, vocabulary) for shard in shards]
            return most_in_common(lists, words, weights, count)
        except ValueError as error:
            # Found while it was read: opening one checks its sizes alone.
            log.warning("%s: damaged index of keypoints, rebuilt (%s)", self.folder, error)
        for shard in shards:
            self._open.pop(shard.words_name, None)
            with suppress(OSError):
                self._path(shard).unlink()
        lists = [self.index(connection, shard, vocabulary) for shard in shards]
        return most_in_common(lists, words, weights, count)

    def index(
        self, connection: sqlite3.Connection, shard: Shard, vocabulary: Vocabulary
    ) -> InvertedLists:
        """In step with the shard: open, on disk, or built from the database and written there."""
        found = self._open.get(shard.words_name)
        if found is None or found.vocabulary != vocabulary.identity:
            found = self._stored(shard)
        if found is None or found.vocabulary != vocabulary.identity:
            found = self._built(connection, shard, vocabulary)
            self._write(found, shard)
            found = self._stored(shard) or found
        self._open[shard.words_name] = found
        return found

    def keep_only(self, shards: Sequence[Shard]) -> None:
        """Let go of the files of the past; ``ShardIndexes`` deletes them."""
        names = {shard.words_name for shard in shards}
        self._open = {name: one for name, one in self._open.items() if name in names}

    def faults(self, connection: sqlite3.Connection, shards: Sequence[Shard]) -> Iterator[str]:
        """A sentence for every file that is damaged or out of step with the database."""
        for shard in shards:
            path = self._path(shard)
            if not path.is_file():
                continue
            try:
                stored = InvertedLists.read(path, whole=True)
            except (ValueError, OSError) as error:
                fault = str(error)
            else:
                rows = connection.execute(
                    "SELECT images.id, length(keypoints) FROM images JOIN descriptions USING (id) "
                    "WHERE category = ? AND labelled = ? ORDER BY images.id",
                    (shard.category, int(shard.labelled)),
                )
                if [row[0] for row in rows] == stored.ids.tolist():
                    continue
                fault = "it holds other images"
            yield (
                f"category {shard.category}: its index of keypoints is not in step with the "
                f"database, {fault} (packsight gallery rebuild)"
            )

    def _path(self, shard: Shard) -> Path:
        return self.folder / INDEXES / shard.words_name

    def _stored(self, shard: Shard) -> InvertedLists | None:
        """The file, if it exists and is whole."""
        path = self._path(shard)
        if not path.is_file():
            return None
        try:
            return InvertedLists.read(path)
        except (ValueError, OSError) as error:
            log.warning("%s: damaged index, rebuilt from the database (%s)", path, error)
            return None

    def _built(
        self, connection: sqlite3.Connection, shard: Shard, vocabulary: Vocabulary
    ) -> InvertedLists:
        blocks = _blocks(connection, shard, vocabulary, str(self.folder))
        try:
            return InvertedLists.built(blocks, vocabulary.identity, vocabulary.size)
        except ValueError as error:
            raise DamageError(
                f"{self.folder}: category {shard.category} has keypoints of other numbers.",
                remedy=f"List all damage with: packsight gallery check {self.folder}",
            ) from error

    def _write(self, lists: InvertedLists, shard: Shard) -> None:
        """A full disk is no failure."""
        path = self._path(shard)
        try:
            path.parent.mkdir(exist_ok=True)
            lists.write(path)
        except OSError as error:
            level = logging.INFO if error.errno == errno.EROFS else logging.WARNING
            log.log(level, "%s: index kept in memory only (%s)", path, error)


def _blocks(
    connection: sqlite3.Connection, shard: Shard, vocabulary: Vocabulary, where: str
) -> Iterator[Words]:
    rows = connection.execute(
        "SELECT images.id, uri, keypoints FROM images JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (shard.category, int(shard.labelled)),
    )
    while chunk := rows.fetchmany(BLOCK):
        ids = [int(row["id"]) for row in chunk]
        yield words_of(ids, [_rows.sound_keypoints(row, where) for row in chunk], vocabulary)

"""Inverted lists of keypoints, a file a shard, derived from the database, mapped from disk."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from shlex import quote

import numpy as np

from engine.errors import DamageError
from engine.galleries import _rows
from engine.galleries._connection import Connection
from engine.galleries._faiss_indexes import INDEXES
from engine.galleries._shards import Shard, chosen_images, few, history, latest
from engine.inverted_lists import InvertedLists, Words, most_in_common, query_words, words_of
from engine.keypoints import Keypoints
from engine.protocols import Vocabulary
from engine.types import IntArray

log = logging.getLogger(__name__)

BLOCK = 512  # images in memory at a time: 6 MB of keypoints


@dataclass(frozen=True)
class WordIndex:
    """A file of inverted lists and what the shard has become since it was written, in step with
    ``shard``."""

    shard: Shard
    base: InvertedLists
    recent: InvertedLists  # of the images that changed, those that the shard holds
    words: Sequence[Words]  # that ``recent`` was made of, in the order of ids
    changed: frozenset[int] = frozenset()  # gone from ``base``

    @property
    def lists(self) -> list[InvertedLists]:
        return [self.base, self.recent] if len(self.recent) else [self.base]


@dataclass
class WordIndexes:
    """Opens, builds and searches the inverted lists of every shard; keeps the current ones open."""

    folder: Path
    _open: dict[tuple[str, bool], WordIndex] = field(default_factory=dict)
    written: int = 0  # files, since it was opened

    @property
    def outgrown(self) -> bool:
        """Whether an index that is open has more changes than are few."""
        return any(len(one.changed) > few(len(one.base)) for one in self._open.values())

    def merge(self, connection: Connection, shard: Shard, vocabulary: Vocabulary) -> None:
        """As ``write``, of a shard whose index is open."""
        if (shard.category, shard.labelled) in self._open:
            self.write(connection, shard, vocabulary)

    def search(
        self,
        connection: Connection,
        shards: Sequence[Shard],
        query: Keypoints,
        vocabulary: Vocabulary,
        count: int,
    ) -> list[int]:
        """The ids of ``count`` images that have most words of the query's keypoints."""
        words, weights = query_words(query, vocabulary)
        try:
            return most_in_common(
                self._lists(connection, shards, vocabulary), words, weights, count
            )
        except ValueError as error:
            # Found while it was read: opening one checks its sizes alone.
            log.warning("%s: damaged index of keypoints, rebuilt (%s)", self.folder, error)
        for shard in shards:
            self._open.pop((shard.category, shard.labelled), None)
            for token, _ in history(connection, shard):
                with suppress(OSError):
                    self._path(replace(shard, token=token)).unlink()
        return most_in_common(self._lists(connection, shards, vocabulary), words, weights, count)

    def index(self, connection: Connection, shard: Shard, vocabulary: Vocabulary) -> WordIndex:
        """In step with the shard: what is open or on disk, with what changed since, or built from
        the database and written to disk."""
        key = (shard.category, shard.labelled)
        opened = self._open.get(key)
        if opened is None or opened.shard.token != shard.token or not _fits(opened, vocabulary):
            found = self._in_step(connection, shard, vocabulary, opened)
            opened = self._built(connection, shard, vocabulary) if found is None else found
        self._open[key] = opened
        return opened

    def write(self, connection: Connection, shard: Shard, vocabulary: Vocabulary) -> None:
        """See that the lists of a shard are on disk, and that few images changed since."""
        index = self.index(connection, shard, vocabulary)
        if len(index.changed) > few(len(index.base)):
            merged = index.base.merged(index.recent)
            self._open[shard.category, shard.labelled] = self._kept(merged, shard, vocabulary)

    def keep_only(self, shards: Sequence[Shard]) -> None:
        """Let go of the shards of the past; ``ShardIndexes`` deletes their files."""
        current = {(shard.category, shard.labelled) for shard in shards}
        self._open = {key: one for key, one in self._open.items() if key in current}

    def faults(self, connection: Connection, shards: Sequence[Shard]) -> Iterator[str]:
        """A sentence for every file that is damaged or out of step with the database."""
        for shard in shards:
            found = latest(connection, shard, partial(self._file, shard))
            if found is None:
                continue
            path, changed = found
            try:
                stored = InvertedLists.read(path, whole=True)
            except (ValueError, OSError) as error:
                fault = str(error)
            else:
                rows = connection.execute(
                    "SELECT id FROM images WHERE category = ? AND labelled = ? ORDER BY id",
                    (shard.category, int(shard.labelled)),
                )
                ids = np.array([row[0] for row in rows], np.int64)
                if np.array_equal(np.setdiff1d(ids, changed), np.setdiff1d(stored.ids, changed)):
                    continue
                fault = "it holds other images"
            yield (
                f"category {shard.category}: its index of keypoints is not in step with the "
                f"database, {fault} (packsight gallery rebuild)"
            )

    def _lists(
        self, connection: Connection, shards: Sequence[Shard], vocabulary: Vocabulary
    ) -> list[InvertedLists]:
        found = [self.index(connection, shard, vocabulary) for shard in shards]
        return [one for index in found for one in index.lists]

    def _in_step(
        self,
        connection: Connection,
        shard: Shard,
        vocabulary: Vocabulary,
        opened: WordIndex | None,
    ) -> WordIndex | None:
        """None where there is nothing that the shard's log leads back to."""

        def find(token: str) -> WordIndex | None:
            if opened is not None and opened.shard.token == token and _fits(opened, vocabulary):
                return opened
            base = self._stored(replace(shard, token=token))
            if base is None or base.vocabulary != vocabulary.identity:
                return None
            return _unchanged(shard, base, vocabulary)

        if (found := latest(connection, shard, find)) is None:
            return None
        index, ids = found
        changed = index.changed.union(ids.tolist())
        blocks = _blocks(connection, shard, vocabulary, str(self.folder), ids)
        words = sorted(
            [one for one in index.words if one.ids[0] not in ids]
            + [one for block in blocks for one in block.each()],
            key=lambda one: int(one.ids[0]),
        )
        recent = self._made(words, shard, vocabulary)
        return WordIndex(shard, index.base.without(changed), recent, words, changed)

    def _built(self, connection: Connection, shard: Shard, vocabulary: Vocabulary) -> WordIndex:
        blocks = _blocks(connection, shard, vocabulary, str(self.folder))
        return self._kept(self._made(blocks, shard, vocabulary), shard, vocabulary)

    def _made(self, blocks: Iterable[Words], shard: Shard, vocabulary: Vocabulary) -> InvertedLists:
        try:
            return InvertedLists.built(blocks, vocabulary.identity, vocabulary.size)
        except ValueError as error:
            raise DamageError(
                f"{self.folder}: category {shard.category} has keypoints of other numbers.",
                remedy=f"List all damage with: packsight gallery check {quote(str(self.folder))}",
            ) from error

    def _kept(self, lists: InvertedLists, shard: Shard, vocabulary: Vocabulary) -> WordIndex:
        """Written and mapped. A full disk is no failure."""
        self.written += 1
        path = self._path(shard)
        try:
            path.parent.mkdir(exist_ok=True)
            lists.write(path)
        except OSError as error:
            level = logging.INFO if error.errno == errno.EROFS else logging.WARNING
            log.log(level, "%s: index kept in memory only (%s)", path, error)
        return _unchanged(shard, self._stored(shard) or lists, vocabulary)

    def _path(self, shard: Shard) -> Path:
        return self.folder / INDEXES / shard.words_name

    def _file(self, shard: Shard, token: str) -> Path | None:
        path = self._path(replace(shard, token=token))
        return path if path.is_file() else None

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


def _unchanged(shard: Shard, base: InvertedLists, vocabulary: Vocabulary) -> WordIndex:
    return WordIndex(shard, base, InvertedLists.built((), vocabulary.identity, vocabulary.size), ())


def _fits(index: WordIndex, vocabulary: Vocabulary) -> bool:
    return index.base.vocabulary == vocabulary.identity


def _blocks(
    connection: Connection,
    shard: Shard,
    vocabulary: Vocabulary,
    where: str,
    among: IntArray | None = None,
) -> Iterator[Words]:
    tables, values = ("images", []) if among is None else chosen_images(among)
    rows = connection.stream(
        f"SELECT images.id, uri, keypoints FROM {tables} JOIN descriptions USING (id) "
        "WHERE category = ? AND labelled = ? ORDER BY images.id",
        (*values, shard.category, int(shard.labelled)),
    )
    while chunk := rows.fetchmany(BLOCK):
        ids = [int(row["id"]) for row in chunk]
        yield words_of(ids, [_rows.sound_keypoints(row, where) for row in chunk], vocabulary)

"""What people decided, kept beside a gallery: append-only, and of no one gallery.

It is keyed by the content of images and the ids of products, so it holds for a gallery that is
rebuilt, made anew at the address, or described by another model. To undo is one more row. Any
number of processes may read and decide.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Self

from engine.decisions import (
    CategoryDecision,
    Decided,
    Decision,
    Exclusion,
    Judgement,
    Mask,
    MaskDecision,
    Pair,
    Undo,
)
from engine.errors import GalleryError
from engine.galleries import _curation_table as _file
from engine.galleries._connection import Connection

AHEAD = timedelta(days=1)  # of a clock elsewhere; more would put its decisions over all to come
BATCH = 500  # decisions of an import in one transaction


class Curation:
    """Open with ``open``; use as a context manager. The state in force is that of the latest
    decisions which are not undone; those that were made elsewhere take their place by their time.

    What a method has acknowledged survives a killed process and a power cut. Methods may be called
    from several threads. GalleryError where the file cannot be read or written.
    """

    def __init__(self, address: str | Path) -> None:
        self._file = _file.CurationTable(address)
        self._where = self._file.where

    @classmethod
    def open(cls, address: str | Path) -> Self:
        """That of the gallery at this address; in a folder its file is made when something is
        decided."""
        return cls(address)

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def decide(self, decisions: Sequence[Decision], who: str = "") -> list[Decided]:
        """Keep decisions, all of them in one durable transaction or none; by ``who``, the name of
        an API key. An ``Undo`` among them must be of an earlier decision that is none itself, or
        GalleryError."""
        with self._file.changing() as connection:
            made = []
            for decision in decisions:
                self._require_undoable(connection, decision)
                one = Decided(secrets.token_hex(8), _now(connection), who, decision)
                self._file.append(connection, one)
                made.append(one)
            return made

    def undo(self, identity: str, who: str = "") -> Decided:
        """Make the decision of this id void, by one more row."""
        (made,) = self.decide([Undo(identity)], who)
        return made

    def take(self, decided: Iterable[Decided]) -> int:
        """Keep decisions that were made elsewhere, in batches; returns how many were new.

        GalleryError for one whose id is that of another decision here, for the undoing of what is
        not known, and for one of tomorrow or later.
        """
        new, left = 0, iter(decided)
        while batch := list(islice(left, BATCH)):
            new += self._take(batch)
        return new

    def mask_of(self, image: str) -> Mask | None:
        """The mask that a person drew of the image with this sha256."""
        found = self._latest("mask", image)
        return found.mask if isinstance(found, MaskDecision) else None

    def masks(self, among: Collection[str] | None = None) -> dict[str, str]:
        """The digests of all masks that people drew, by the images' sha256. ``among``, here and
        below: of these images alone; nothing of the others is read."""
        with self._file.reading() as connection:
            rows = () if connection is None else _file.in_force(connection, "mask", among)
            return {str(row["slot"]): str(row["digest"]) for row in rows}

    def accepted_masks(self, among: Collection[str]) -> dict[str, set[str]]:
        """The digests of masks that people accepted, by the images' sha256."""
        found: dict[str, set[str]] = {}
        with self._file.reading() as connection:
            if connection is not None:
                images = json.dumps(list(among))
                for row in connection.execute(_file.ACCEPTED_AMONG, (images,)):
                    found.setdefault(str(row["image"]), set()).add(str(row["digest"]))
        return found

    def excluded(self, among: Collection[str] | None = None) -> frozenset[str]:
        """The sha256 of images that stay out of the index: excluded, or not kept of a pair that is
        the same image twice. What was decided last of an image counts."""
        return frozenset(self.exclusions(among))

    def exclusions(self, among: Collection[str] | None = None) -> dict[str, str]:
        """The ids of the decisions by which images are ``excluded``, by the images' sha256."""
        with self._file.reading() as connection:
            if connection is None or (among is not None and not among):
                return {}
            if among is None:
                rows = connection.execute(_file.EXCLUDED)
            else:
                rows = connection.execute(_file.EXCLUDED_AMONG, (json.dumps(list(among)),))
            return {str(row["image"]): str(row["id"]) for row in rows}

    def was_excluded(self, image: str) -> bool:
        """Whether the last decision on the index of the image with this sha256 excluded it; what is
        not kept of a pair does not count."""
        found = self._latest("exclusion", image)
        return isinstance(found, Exclusion) and found.excluded

    def category_of(self, image: str) -> str | None:
        """The category that a person gave the image with this sha256."""
        found = self._latest("category", image)
        return found.category if isinstance(found, CategoryDecision) else None

    def categories(self, among: Collection[str] | None = None) -> dict[str, str]:
        """All that people gave, by the images' sha256."""
        found = [one.decision for one in self._in_force("category", among)]
        return {one.image: one.category for one in found if isinstance(one, CategoryDecision)}

    def pairs(self, among: Collection[str] | None = None) -> list[Pair]:
        """In the order they were decided. ``among``: slots of pairs."""
        found = [one.decision for one in self._in_force("pair", among)]
        return [one for one in found if isinstance(one, Pair)]

    def judgements(self, among: Collection[str] | None = None) -> list[Judgement]:
        """In the order they were decided. ``among``: slots of judgements."""
        found = [one.decision for one in self._in_force("judgement", among)]
        return [one for one in found if isinstance(one, Judgement)]

    def since(self, mark: str, most: int) -> tuple[list[str], str]:
        """The sha256 of images that a gallery may have to be changed for, by the first ``most``
        decisions that were kept behind a mark, wherever they were made; and the mark behind these.
        "" is before all, and so is a mark of another file."""
        place, _, identity = mark.partition(" ")
        with self._file.reading() as connection:
            if connection is None:
                return [], mark
            sql = "SELECT 1 FROM decisions WHERE rowid = ? AND id = ?"
            known = place.isdigit() and connection.execute(sql, (int(place), identity)).fetchone()
            sql = f"{_file.ABOUT} WHERE given.rowid > ? ORDER BY given.rowid LIMIT ?"
            rows = connection.execute(sql, (int(place) if known else 0, most)).fetchall()
        if not rows:
            return [], mark
        return _file.contents_about(rows), f"{rows[-1]['place']} {rows[-1]['id']}"

    def latest(self) -> str:
        """The mark behind all that was decided."""
        with self._file.reading() as connection:
            row = None if connection is None else connection.execute(_file.LAST).fetchone()
            return "" if row is None else f"{row['place']} {row['id']}"

    def about(self, decided: Iterable[Decided]) -> list[str]:
        """As ``since``, by these decisions."""
        ids = json.dumps([one.id for one in decided])
        sql = f"{_file.ABOUT} WHERE given.id IN (SELECT value FROM json_each(?))"
        with self._file.reading() as connection:
            rows = [] if connection is None else connection.execute(sql, (ids,)).fetchall()
        return _file.contents_about(rows)

    @contextmanager
    def deciding(self) -> Iterator[None]:
        """What is decided inside is kept all together or not at all; meanwhile nothing is decided
        elsewhere, so that it may depend on what is in force."""
        with self._file.changing():
            yield

    def find(self, identity: str) -> Decided | None:
        """The decision of this id, void or not."""
        with self._file.reading() as connection:
            if connection is None:
                return None
            row = connection.execute(_file.ONE, (identity,)).fetchone()
            return None if row is None else self._file.decided(row)

    def log(self) -> Iterator[Decided]:
        """All that was ever decided, void or not, in order, as it was when the first was read."""
        return self._file.log()

    def counts(self) -> Mapping[str, int]:
        """How many decisions of each kind are in force; kinds without any are left out."""
        with self._file.reading() as connection:
            rows = [] if connection is None else connection.execute(_file.COUNTS).fetchall()
            return {str(row["kind"]): int(row["count"]) for row in rows}

    def _take(self, batch: Sequence[Decided]) -> int:
        latest = datetime.now(UTC) + AHEAD
        new = 0
        with self._file.changing() as connection:
            for one in batch:
                known = connection.execute(_file.ONE, (one.id,)).fetchone()
                if known is not None:
                    if self._file.decided(known) != one:
                        raise GalleryError(f"{self._where}: {one.id} is another decision here.")
                    continue
                if one.time > latest:
                    raise GalleryError(
                        f"{self._where}: decision {one.id} is of {one.time:%Y-%m-%d}, which is yet "
                        "to come.",
                        remedy="Set the clock here, or correct the time where it was made.",
                    )
                self._require_undoable(connection, one.decision)
                self._file.append(connection, one)
                new += 1
        return new

    def _require_undoable(self, connection: Connection, decision: Decision) -> None:
        if not isinstance(decision, Undo):
            return
        row = connection.execute(_file.ONE, (decision.voids,)).fetchone()
        if row is None:
            raise GalleryError(f"{self._where}: no decision {decision.voids} to undo.")
        if row["kind"] == Undo.kind:
            raise GalleryError(
                f"{self._where}: {decision.voids} undoes a decision, and is not undone itself.",
                remedy="Decide the same again.",
            )

    def _latest(self, kind: str, slot: str) -> Decision | None:
        with self._file.reading() as connection:
            if connection is None:
                return None
            row = connection.execute(_file.IN_FORCE_OF, (kind, slot)).fetchone()
            return None if row is None else self._file.decided(row).decision

    def _in_force(self, kind: str, slots: Collection[str] | None) -> list[Decided]:
        """In order; of kinds without bits."""
        with self._file.reading() as connection:
            rows = [] if connection is None else _file.in_force(connection, kind, slots).fetchall()
        return sorted(map(self._file.decided, rows), key=lambda one: one.order)


def _now(connection: Connection) -> datetime:
    """Later than all that was decided, also where the clock was set back."""
    last = connection.execute("SELECT max(time) FROM decisions").fetchone()[0]
    now = datetime.now(UTC)
    return now if last is None else max(now, _file.time_of(last) + _file.MICROSECOND)

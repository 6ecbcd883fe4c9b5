"""Units of an ingest that many machines take part in: a table in the gallery's own database.

A unit is begun at least once and takes effect exactly once: what its worker has described is stored
in the transaction that marks it done, and only where the unit still is that worker's and the images
are as they were planned. Which worker gets which unit is decided by one coordinator, the gallery's
writer; workers write beside it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.galleries._writing import Writing
from engine.galleries.tables import TableGallery
from engine.types import Description, Entry

TRIES = 3

# ``beats`` counts up while a worker is at work: no clocks of two machines are compared.
TABLE = """
CREATE TABLE IF NOT EXISTS units (
    scan TEXT NOT NULL,
    number INTEGER NOT NULL,
    tasks TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'running', 'done', 'failed')),
    worker TEXT NOT NULL,
    beats INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    error TEXT NOT NULL,
    PRIMARY KEY (scan, number)
)
"""


@dataclass(frozen=True, eq=False)
class Described:
    """An image that a worker has described; ``known``: id, content and mask of the image that it
    is to replace, as it was planned. None: there was none."""

    entry: Entry
    description: Description
    known: tuple[int, str, str | None] | None


@dataclass(frozen=True)
class Effect:
    """What became of an image: it was ``added`` or ``updated``; or not stored, for another image
    ``same_as`` holds its content, or since it was planned it was written or deleted by others
    (``overtaken``)."""

    kind: Literal["added", "updated", "duplicate", "overtaken"]
    same_as: str = ""


class Units:
    """The units of one ``scan``."""

    def __init__(self, gallery: TableGallery, scan: str) -> None:
        self._gallery = gallery
        self._scan = scan

    def begin(self, tasks: Iterable[str]) -> tuple[int, int]:
        """Write one unit for each text, numbered from 0, in one transaction. Units of all scans
        before are void; how many of these there were, and how many were done."""
        with self._gallery._writing() as writing:
            execute = writing.connection.execute
            states = [row[0] for row in execute("SELECT state FROM units").fetchall()]
            execute("DELETE FROM units")
            for number, text in enumerate(tasks):
                self._insert(writing, number, text)
        return len(states), states.count("done")

    def newest(self) -> int:
        """The largest id of an image in the gallery; 0 without any."""
        with self._gallery._reading():
            row = self._gallery._connection.execute("SELECT max(id) FROM images").fetchone()
        return int(row[0] or 0)

    def take(self, number: int, worker: str) -> str | None:
        """The unit's tasks, for a worker that begins it; None where it is no longer waiting."""
        return self._changed(
            "state = 'running', worker = ?, tries = tries + 1",
            "number = ? AND state = 'waiting' RETURNING tasks",
            worker,
            number,
        )

    def beat(self, number: int, worker: str) -> bool:
        """Show that the worker is at work; False where the unit is no longer its own."""
        condition = "number = ? AND worker = ? AND state = 'running' RETURNING 'yes'"
        return self._changed("beats = beats + 1", condition, number, worker) is not None

    def finish(
        self,
        number: int,
        worker: str,
        images: Sequence[Described],
        newest: int,
        outcome: Callable[[Sequence[Effect]], str],
    ) -> bool:
        """Store what was described and mark the unit done with its ``outcome``, in one durable
        transaction; False where the unit is no longer the worker's: nothing is changed then.

        ``newest``: the largest id when the scan was planned; an image of the same content and
        product that came later is another file of this scan.
        """
        with self._gallery._writing() as writing:
            found = writing.connection.execute(
                "UPDATE units SET state = 'done' WHERE scan = ? AND number = ? AND worker = ? "
                "AND state = 'running' RETURNING number",
                (self._scan, number, worker),
            ).fetchone()
            if found is None:
                return False
            effects = self._effects(writing, images, newest)
            stored = [
                (image.entry, image.description)
                for image, effect in zip(images, effects, strict=True)
                if effect.kind in ("added", "updated")
            ]
            for entry, description in stored:
                self._gallery._require_dimension(entry, description)
            writing.put_all([entry for entry, _ in stored], [one for _, one in stored])
            writing.connection.execute(
                "UPDATE units SET outcome = ? WHERE scan = ? AND number = ?",
                (outcome(effects), self._scan, number),
            )
        return True

    def release(self, number: int, error: str, tries: int = TRIES) -> str:
        """Take the unit from its worker, for ``error``, unless it is done. Its state then: waiting,
        failed after so many ``tries``, or done."""
        with self._gallery._writing() as writing:
            writing.connection.execute(
                "UPDATE units SET state = CASE WHEN tries < ? THEN 'waiting' ELSE 'failed' END, "
                "worker = '', error = ? WHERE scan = ? AND number = ? AND state = 'running'",
                (tries, error, self._scan, number),
            )
            (state,) = writing.connection.execute(
                "SELECT state FROM units WHERE scan = ? AND number = ?", (self._scan, number)
            ).fetchone()
        return str(state)

    def split(self, number: int, tasks: Sequence[str]) -> range:
        """Units in place of one that failed; their numbers."""
        with self._gallery._writing() as writing:
            execute = writing.connection.execute
            execute("DELETE FROM units WHERE scan = ? AND number = ?", (self._scan, number))
            sql = "SELECT coalesce(max(number), ?) FROM units WHERE scan = ?"
            first = int(execute(sql, (number, self._scan)).fetchone()[0]) + 1
            numbers = range(first, first + len(tasks))
            for new, text in zip(numbers, tasks, strict=True):
                self._insert(writing, new, text)
        return numbers

    def beats(self) -> Mapping[int, int]:
        """Of the running units, by number."""
        with self._gallery._reading():
            rows = self._gallery._connection.execute(
                "SELECT number, beats FROM units WHERE scan = ? AND state = 'running'",
                (self._scan,),
            ).fetchall()
        return {int(number): int(beats) for number, beats in rows}

    def outcomes(self) -> list[str]:
        """Of all units that are done."""
        return [row[0] for row in self._rows("outcome", "done")]

    def failed(self) -> list[tuple[str, str]]:
        """Tasks and last error of the units that were tried too often."""
        return [(row[0], row[1]) for row in self._rows("tasks, error", "failed")]

    def end(self) -> None:
        """Delete them: what they did is in the gallery."""
        with self._gallery._writing() as writing:
            writing.connection.execute("DELETE FROM units WHERE scan = ?", (self._scan,))

    def _rows(self, columns: str, state: str) -> list[tuple[str, ...]]:
        with self._gallery._reading():
            rows = self._gallery._connection.execute(
                f"SELECT {columns} FROM units WHERE scan = ? AND state = ? ORDER BY number",
                (self._scan, state),
            ).fetchall()
        return [tuple(row) for row in rows]

    def _insert(self, writing: Writing, number: int, tasks: str) -> None:
        writing.connection.execute(
            "INSERT INTO units VALUES (?, ?, ?, 'waiting', '', 0, 0, '', '')",
            (self._scan, number, tasks),
        )

    def _changed(self, assignments: str, condition: str, *values: object) -> str | None:
        """The value that a statement returns of the unit that it changes; None where it is none."""
        with self._gallery._writing() as writing:
            before = assignments.count("?")
            row = writing.connection.execute(
                f"UPDATE units SET {assignments} WHERE scan = ? AND {condition}",
                (*values[:before], self._scan, *values[before:]),
            ).fetchone()
        return None if row is None else str(row[0])

    def _effects(self, writing: Writing, images: Sequence[Described], newest: int) -> list[Effect]:
        """What is to become of the images, by what the gallery holds now."""
        execute = writing.connection.execute
        uris = json.dumps([image.entry.uri for image in images])
        contents = json.dumps([image.entry.sha256 for image in images])
        there: dict[str, tuple[int, str, str | None]] = {}
        for table in ("images", "withdrawn"):
            for row in execute(
                f"SELECT uri, id, sha256, mask FROM {table} "
                "WHERE uri IN (SELECT value FROM json_each(?))",
                (uris,),
            ).fetchall():
                there[row[0]] = int(row[1]), row[2], row[3]
        rows = execute(
            "SELECT sha256, product_id, uri FROM images "
            "WHERE sha256 IN (SELECT value FROM json_each(?)) AND id > ? ORDER BY id DESC",
            (contents, newest),
        ).fetchall()
        twins = {(row[0], row[1]): str(row[2]) for row in rows}
        return [_effect(image, there.get(image.entry.uri), twins) for image in images]


def _effect(
    image: Described,
    now: tuple[int, str, str | None] | None,
    twins: Mapping[tuple[str, str], str],
) -> Effect:
    """``now``: the image at this uri; ``twins``: uris of new images by content and product."""
    entry, known = image.entry, image.known
    # By the plan itself an image of this content may have been moved here.
    moved = known is not None and now == (known[0], entry.sha256, entry.mask)
    if now != known and not moved:
        return Effect("overtaken")
    twin = twins.get((entry.sha256, entry.product_id), entry.uri)
    if twin != entry.uri:
        return Effect("duplicate", twin)
    return Effect("added" if known is None else "updated")

"""The jobs of a gallery: changes that were acknowledged, in one table beside it.

What ``submit`` has returned survives a killed process and a power cut. Any number of processes may
submit; jobs are carried out in order by the one process that holds the gallery's lock for writing,
so a job that is found running there was cut off, and is carried out again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.galleries import _schema, database_beside
from engine.galleries._connection import Connection, Row
from online.service.changes import Change, Kind
from online.service.job import STATES, Job, State, from_row
from online.service.problems import RequestError

MOST_WAITING = 10_000  # jobs that are not finished
MOST_KEPT = 10_000  # jobs that are
KEPT_SECONDS = 30 * 86_400.0
SAME_SECONDS = 86_400.0  # within which an idempotency key gives the same job
MOST_ATTEMPTS = 10  # to carry out a job at which the process ends or the disk fails
_VERSION = 1
_TABLES = (
    """
    CREATE TABLE jobs (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        change TEXT NOT NULL,
        state TEXT NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed')),
        done INTEGER NOT NULL DEFAULT 0,
        total INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '',
        attempts INTEGER NOT NULL DEFAULT 0,
        idempotency TEXT,
        digest TEXT NOT NULL,
        created REAL NOT NULL,
        started REAL,
        finished REAL
    ) STRICT
    """,
    "CREATE INDEX jobs_by_state ON jobs (state, place)",
    "CREATE INDEX jobs_by_idempotency ON jobs (idempotency, created)",
)
_UNFINISHED = "state IN ('queued', 'running')"
_COUNT = f"SELECT count(*) FROM jobs WHERE {_UNFINISHED}"


class UploadGoneError(Exception):
    """An upload was removed before a job referred to it."""


class JobTable:
    """Of the gallery at ``address``; in a folder its file is made by the first job."""

    def __init__(self, address: str | Path) -> None:
        database = database_beside(address, _schema.JOBS, _VERSION, _TABLES)
        self.reading, self.changing, self.close = (
            database.reading,
            database.changing,
            database.close,
        )

    def submit(self, change: Change, uploads: Sequence[Path] = (), idempotency: str = "") -> Job:
        """Keep a change; the job of before where the key was given within a day.

        RequestError 422 where that was for another change, 503 where too many jobs wait;
        UploadGoneError where an upload was removed since it was stored: store it again.
        """
        with self.changing() as connection:
            if idempotency and (known := self._same(connection, idempotency, change)):
                return known
            if connection.execute(_COUNT).fetchone()[0] >= MOST_WAITING:
                raise RequestError(503, "Too many jobs wait already.", retry_after=30)
            if not all(path.is_file() for path in uploads):
                raise UploadGoneError
            row = connection.execute(
                "INSERT INTO jobs (id, change, state, total, idempotency, digest, created)"
                " VALUES (?, ?, 'queued', ?, ?, ?, ?) RETURNING *",
                (
                    secrets.token_hex(8),
                    change.model_dump_json(by_alias=True),
                    len(change.images),
                    idempotency or None,
                    change.digest,
                    time.time(),
                ),
            ).fetchone()
            return from_row(row)

    def find(self, identity: str) -> Job | None:
        rows = self._rows("SELECT * FROM jobs WHERE id = ?", identity)
        return from_row(rows[0]) if rows else None

    def latest(self, state: State | None, most: int) -> list[Job]:
        """The last to be submitted first; in a state, or None: in any."""
        held = "CAST(?1 AS TEXT) IS NULL OR state = ?1"
        sql = f"SELECT * FROM jobs WHERE {held} ORDER BY place DESC LIMIT ?2"
        return [from_row(row) for row in self._rows(sql, state, most)]

    def counts(self) -> dict[State, int]:
        """Of every state."""
        rows = self._rows("SELECT state, count(*) AS count FROM jobs GROUP BY state")
        held = {row["state"]: int(row["count"]) for row in rows}
        return {state: held.get(state, 0) for state in STATES}

    def needed(self) -> set[tuple[str, str]]:
        """Product and SHA-256 of every upload that a job waits to store."""
        sql = (
            "SELECT json_extract(change, '$.product') AS product, value"
            " FROM jobs, json_each(json_extract(change, '$.images'))"
            f" WHERE {_UNFINISHED}"
        )
        return {(row["product"], row["value"]) for row in self._rows(sql)}

    def waits(self, kind: Kind) -> bool:
        """Whether a change of this kind is not finished."""
        sql = f"SELECT 1 FROM jobs WHERE {_UNFINISHED} AND json_extract(change, '$.kind') = ?"
        return bool(self._rows(f"{sql} LIMIT 1", kind))

    def unfinished(self) -> int:
        """How many are queued or running."""
        return sum(row[0] for row in self._rows(_COUNT))

    def begin(self, after: int = 0, fits: Callable[[Job], bool] = lambda _: True) -> Job | None:
        """The first that is not finished and has a later place than ``after``, running from now on;
        None where there is none, or it does not fit. By the holder of the gallery's lock
        for writing alone. One that was begun too often fails in its place."""
        with self.changing() as connection:
            connection.execute(
                "UPDATE jobs SET state = 'failed', finished = ?, error = ?"
                f" WHERE {_UNFINISHED} AND place > ? AND attempts >= ?",
                (
                    time.time(),
                    f"It was begun {MOST_ATTEMPTS} times in vain.",
                    after,
                    MOST_ATTEMPTS,
                ),
            )
            row = connection.execute(
                f"SELECT * FROM jobs WHERE {_UNFINISHED} AND place > ? ORDER BY place LIMIT 1",
                (after,),
            ).fetchone()
            if row is None or not fits(from_row(row)):
                return None
            row = connection.execute(
                "UPDATE jobs SET state = 'running', done = 0, attempts = attempts + 1,"
                " started = coalesce(started, ?) WHERE place = ? RETURNING *",
                (time.time(), row["place"]),
            ).fetchone()
            return from_row(row)

    def progress(self, job: Job, done: int, total: int) -> None:
        with self.changing() as connection:
            sql = "UPDATE jobs SET done = ?, total = ? WHERE id = ?"
            connection.execute(sql, (done, total, job.id))

    def wait_again(self, job: Job) -> None:
        """It was not carried out, for no reason of its own."""
        with self.changing() as connection:
            sql = "UPDATE jobs SET state = 'queued', attempts = attempts - 1 WHERE id = ?"
            connection.execute(sql, (job.id,))

    def finish(self, job: Job, error: str = "") -> Job:
        """Done, or failed with an error; jobs of long ago go."""
        now = time.time()
        with self.changing() as connection:
            row = connection.execute(
                "UPDATE jobs SET state = ?1, error = ?2, finished = ?3,"
                " done = CASE ?1 WHEN 'done' THEN total ELSE done END WHERE id = ?4 RETURNING *",
                ("failed" if error else "done", error, now, job.id),
            ).fetchone()
            connection.execute(
                f"DELETE FROM jobs WHERE NOT {_UNFINISHED} AND (finished < ? OR place <= (SELECT"
                f" place FROM jobs WHERE NOT {_UNFINISHED} ORDER BY place DESC LIMIT 1 OFFSET ?))",
                (now - KEPT_SECONDS, MOST_KEPT),
            )
            return from_row(row)

    def _rows(self, sql: str, *values: object) -> list[Row]:
        """None where there was no job yet."""
        with self.reading() as connection:
            return [] if connection is None else connection.execute(sql, values).fetchall()

    def _same(self, connection: Connection, key: str, change: Change) -> Job | None:
        row = connection.execute(
            "SELECT * FROM jobs WHERE idempotency = ? AND created > ? ORDER BY place DESC LIMIT 1",
            (key, time.time() - SAME_SECONDS),
        ).fetchone()
        if row is not None and row["digest"] != change.digest:
            raise RequestError(
                422,
                "The Idempotency-Key was used for another change.",
                remedy="Send a new key with each change.",
            )
        return None if row is None else from_row(row)

"""The folder of a local gallery: whether there is one, its writer's lock, its creation.

Such a folder holds one generation; see ``_generations``.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from shlex import quote

from filelock import FileLock, Timeout

from engine.errors import GalleryError, LockedError
from engine.galleries import _query_file, _schema
from engine.manifest import Manifest
from engine.protocols import REPORTS, ReportKind

LOCK = "writer.lock"
OWNER = "writer.pid"


def holds_database(folder: Path) -> bool:
    """Whether there is one; opens nothing. OSError where that cannot be seen."""
    return (folder / _schema.DATABASE).is_file()


def is_initialised(folder: Path) -> bool:
    """Whether creation was finished; a process killed in its midst leaves an empty database."""
    with _schema.translated(folder):
        if not holds_database(folder):
            return False
        connection = _schema.connect(folder)
        try:
            return has_manifest(connection)
        finally:
            connection.close()


def none_here(folder: Path) -> GalleryError:
    return GalleryError(
        f"{folder}: no gallery here.",
        remedy=f"Make one with: packsight ingest FOLDER --gallery {quote(str(folder))}",
    )


def has_manifest(connection: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM sqlite_master WHERE name = 'manifest'"
    return connection.execute(sql).fetchone() is not None


def initialise(connection: sqlite3.Connection, manifest: Manifest, folder: Path) -> None:
    """All tables and the manifest in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if has_manifest(connection):  # made by another process while this one took the lock
            raise GalleryError(
                f"{folder}: there is a gallery already.", remedy="Run the same command again."
            )
        _schema.migrate(connection)
        connection.executemany("INSERT INTO manifest VALUES (?, ?)", manifest.to_rows())
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring an older gallery's tables up to date; call as the one writer."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        _schema.migrate(connection)
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


def lock(folder: Path, address: Path) -> FileLock:
    """Become the one writer of what lies in a folder, or raise GalleryError naming the process that
    is it."""
    # Not thread-local: whichever thread closes the gallery must let the lock go.
    held = FileLock(folder / LOCK, timeout=0, thread_local=False)
    owner = folder / OWNER
    try:
        held.acquire()
    except Timeout:
        holder = ""
        with contextlib.suppress(OSError):
            if number := owner.read_text().strip():  # or it is just being written
                holder = f" (process {number})"
        raise LockedError(
            f"{address}: another process{holder} is writing to this gallery.",
            remedy="Wait for it to end and run the same command again.",
        ) from None
    with contextlib.suppress(OSError):
        owner.write_text(f"{os.getpid()}\n")
    return held


def report_name(of: ReportKind) -> str:
    return f"last-{of}.json"


def require_own(folder: Path) -> None:
    """Refuse to scatter a gallery among other files."""
    databases = (_schema.DATABASE, _schema.CURATION, _schema.JOBS)
    ours = {f"{name}{end}" for name in databases for end in ("", "-wal", "-shm", "-journal")}
    ours |= {LOCK, OWNER, "indexes"}
    ours |= {f"{report_name(of)}{end}" for of in REPORTS for end in ("", ".part")}
    ours |= {
        _query_file.NAME,
        _query_file.LOCK,
        _schema.UPLOADS,
        _schema.POINTER,
        _schema.GENERATIONS,
    }
    with _schema.translated(folder):
        try:  # one look: another process may make the folder meanwhile
            strangers = sorted(path.name for path in folder.iterdir() if path.name not in ours)
        except FileNotFoundError:
            return
        except NotADirectoryError:
            if not folder.exists():  # what it would lie in is a file
                return
            raise GalleryError(
                f"{folder}: is a file.", remedy="Name a folder with --gallery."
            ) from None
    if strangers:
        raise GalleryError(
            f"{folder}: not a gallery, and not empty (it holds {strangers[0]}).",
            remedy="Name a new or an empty folder with --gallery.",
        )

"""The SQLite file of a local gallery: its tables, its pragmas, and what its errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DamageError, GalleryError

DATABASE = "gallery.sqlite"

# The description sits apart from the source, so that planning an ingest reads few pages.
# A shard is the part of a category that is (or is not) labelled; its token changes with every
# write, and names the index file that is in step with it. Tokens are random, so that a restored
# backup can never meet an index of another history.
TABLES = """
CREATE TABLE manifest (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE images (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    uri TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    product_id TEXT NOT NULL,
    category TEXT NOT NULL,
    labelled INTEGER NOT NULL CHECK (labelled IN (0, 1)),
    attributes TEXT NOT NULL
) STRICT;
CREATE INDEX images_by_sha256 ON images (sha256);
CREATE INDEX images_by_shard ON images (category, labelled);
CREATE INDEX images_by_product ON images (product_id);
CREATE TABLE descriptions (
    id INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    score_names TEXT NOT NULL,
    score_values BLOB NOT NULL,
    embedding BLOB NOT NULL,
    contour BLOB NOT NULL,
    contour_area INTEGER NOT NULL,
    aligned BLOB NOT NULL,
    aligned_area INTEGER NOT NULL,
    quality TEXT NOT NULL,
    trust REAL
) STRICT;
CREATE TABLE shards (
    category TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (category, labelled)
) STRICT;
"""

# Galleries made before masks' trust was kept lack its column: reading does without, and whoever
# opens one for writing adds it. Packsights that do not know the column name those they write.
ADD_TRUST = "ALTER TABLE descriptions ADD COLUMN trust REAL"

# How long a statement waits for another process's short transaction.
BUSY_SECONDS = 10.0


def connect(folder: Path) -> sqlite3.Connection:
    """Open the database in WAL mode with full durability; autocommit, callers begin.

    WAL lets readers see one snapshot beside a writer; synchronous=FULL means that what COMMIT
    has acknowledged survives a killed process and a power cut.
    """
    connection = sqlite3.connect(
        folder / DATABASE, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def has_trust(connection: sqlite3.Connection) -> bool:
    sql = "SELECT 1 FROM pragma_table_info('descriptions') WHERE name = 'trust'"
    return connection.execute(sql).fetchone() is not None


def upgrade(connection: sqlite3.Connection) -> None:
    """Add what galleries lack that were made before it was kept; call as the one writer."""
    if not has_trust(connection):
        connection.execute(ADD_TRUST)


@contextmanager
def translated(folder: Path) -> Iterator[None]:
    """Say in a user's words what SQLite or the file system complains of."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(folder, error) from error
    except OSError as error:
        raise GalleryError(
            f"{folder}: {error.strerror or error}.",
            remedy="See that this user may write in the folder, and that its disk has room.",
        ) from error


def _explain(folder: Path, error: sqlite3.Error) -> GalleryError:
    text = str(error)
    if "full" in text:
        return GalleryError(
            f"{folder}: the disk is full; what was acknowledged before is safe.",
            remedy="Free space and run the same command again.",
        )
    if "locked" in text or "busy" in text:
        return GalleryError(
            f"{folder}: another process has held the gallery's database for over "
            f"{BUSY_SECONDS:.0f} s.",
            remedy="Wait for it to end and run the same command again.",
        )
    if "malformed" in text or "not a database" in text:
        return DamageError(
            f"{folder}: {DATABASE} is damaged ({text}).",
            remedy="Restore it from a backup, or delete the folder and ingest again.",
        )
    if "disk I/O" in text:  # what SQLite says of a full disk when its shared memory cannot grow
        return GalleryError(
            f"{folder}: the disk is full or failing ({text}); what was acknowledged before is "
            "safe.",
            remedy="Free space and run the same command again.",
        )
    if "readonly" in text or "unable to open" in text:
        return GalleryError(
            f"{folder}: this user may not write there ({text}).",
            remedy="SQLite needs to write beside the database even to read it: give the user "
            "write permission on the folder.",
        )
    return GalleryError(f"{folder}: {text.rstrip('.')}.")

"""The SQLite file of a local gallery: its tables and their history, its pragmas, its errors."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from engine.errors import DamageError, GalleryError
from engine.galleries import _filters
from engine.galleries._connection import Parameters
from engine.request import NUMBER_WITHIN

DATABASE = "gallery.sqlite"
# What people decided: of no one gallery, it stays where a gallery is made anew. See
# ``engine.curation``.
CURATION = "curation.sqlite"
# Changes that the online service acknowledged, and the images that were sent to it for them.
JOBS = "jobs.sqlite"
UPLOADS = "uploads"
# The generation in use, and the folder of all but the first. See ``_generations``.
POINTER = "CURRENT"
GENERATIONS = "generations"

# The description sits apart from the source, so that planning an ingest reads few pages.
# A shard is the part of a category that is (or is not) labelled; its token changes with every
# write, and names an index file that is written then. Tokens are random, so that a restored backup
# can never meet an index of another history.
TABLES = """
CREATE TABLE IF NOT EXISTS manifest (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS images (
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
CREATE INDEX IF NOT EXISTS images_by_sha256 ON images (sha256);
CREATE INDEX IF NOT EXISTS images_by_shard ON images (category, labelled);
CREATE INDEX IF NOT EXISTS images_by_product ON images (product_id);
CREATE TABLE IF NOT EXISTS descriptions (
    id INTEGER PRIMARY KEY REFERENCES images (id) ON DELETE CASCADE,
    score_names TEXT NOT NULL,
    score_values BLOB NOT NULL,
    embedding BLOB NOT NULL,
    contour BLOB NOT NULL,
    contour_area INTEGER NOT NULL,
    aligned BLOB NOT NULL,
    aligned_area INTEGER NOT NULL,
    quality TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS shards (
    category TEXT NOT NULL,
    labelled INTEGER NOT NULL,
    token TEXT NOT NULL,
    PRIMARY KEY (category, labelled)
) STRICT;
"""


def _create_tables(connection: sqlite3.Connection) -> None:
    for statement in TABLES.split(";"):
        connection.execute(statement)


def _add_trust(connection: sqlite3.Connection) -> None:
    """NULL: of an image that was described before masks' trust was kept."""
    _add_columns(connection, "descriptions", trust="REAL")


def _add_file_identity(connection: sqlite3.Connection) -> None:
    """NULL: of an image that was ingested before these were kept."""
    _add_columns(connection, "images", ctime_ns="INTEGER", inode="INTEGER")


def _add_skipped_files(connection: sqlite3.Connection) -> None:
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS skipped_files (
            uri TEXT PRIMARY KEY,
            size INTEGER NOT NULL,
            mtime_ns INTEGER NOT NULL,
            ctime_ns INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            sha256 TEXT NOT NULL,
            reason TEXT NOT NULL,
            remedy TEXT NOT NULL,
            decoders TEXT NOT NULL
        ) STRICT
        """
    )


def _add_adaptations(connection: sqlite3.Connection) -> None:
    """Which of them is in use is a row of the manifest table."""
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS adaptations (
            version INTEGER PRIMARY KEY AUTOINCREMENT,
            catalogue_mean BLOB NOT NULL,
            photo_mean BLOB NOT NULL,
            projection BLOB,
            report TEXT NOT NULL
        ) STRICT
        """
    )


def _add_parts_of_adaptations(connection: sqlite3.Connection) -> None:
    """NULL: a part that was not taken, or not known yet."""
    _add_columns(connection, "adaptations", scale="BLOB", head="TEXT", fusion="TEXT", photos="TEXT")


def _add_keypoints(connection: sqlite3.Connection) -> None:
    """NULL: without a stage that detects them."""
    _add_columns(connection, "descriptions", keypoints="BLOB")


def _add_print_weights(connection: sqlite3.Connection) -> None:
    """NULL: as configured."""
    _add_columns(connection, "adaptations", print_weight="TEXT")


def _add_unknown_categories(connection: sqlite3.Connection) -> None:
    """1: its category was predicted, and the classifier calls it unknown. NULL: of before."""
    _add_columns(connection, "images", unknown="INTEGER")
    connection.execute("CREATE INDEX IF NOT EXISTS images_unknown ON images (id) WHERE unknown = 1")


def _add_given_masks(connection: sqlite3.Connection) -> None:
    """NULL: cut out by the mask that was found, or by the image's own alpha."""
    _add_columns(connection, "images", mask="TEXT")


def _add_overruled_labels(connection: sqlite3.Connection) -> None:
    """NULL: its category is no person's, or was given before this was kept."""
    _add_columns(connection, "images", overruled="TEXT")


def _add_withdrawn_images(connection: sqlite3.Connection) -> None:
    """Images that people excluded, with their descriptions: as in the tables of the index, which
    they may come back to, but in none of its shards."""
    connection.execute(
        "CREATE TABLE IF NOT EXISTS withdrawn AS "
        "SELECT * FROM images JOIN descriptions USING (id) LIMIT 0"
    )
    for column, kind in {"id": "UNIQUE ", "uri": "UNIQUE ", "sha256": "", "product_id": ""}.items():
        connection.execute(
            f"CREATE {kind}INDEX IF NOT EXISTS withdrawn_by_{column} ON withdrawn ({column})"
        )


def _index_trust(connection: sqlite3.Connection) -> None:
    """Holds all that is needed to find masks in doubt: descriptions are large."""
    connection.execute(
        "CREATE INDEX IF NOT EXISTS descriptions_by_trust ON descriptions (trust, quality)"
    )


def _log_shards(connection: sqlite3.Connection) -> None:
    """What changed in which shard between two of its tokens; ``changes`` counts images from the
    first row on. ``shards.images`` is NULL where it was not counted."""
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS shard_changes (
            category TEXT NOT NULL,
            labelled INTEGER NOT NULL,
            changes INTEGER NOT NULL,
            before TEXT NOT NULL,
            after TEXT NOT NULL UNIQUE,
            ids BLOB NOT NULL,
            PRIMARY KEY (category, labelled, changes)
        ) STRICT
        """
    )
    _add_columns(connection, "shards", images="INTEGER")
    connection.execute(
        "UPDATE shards SET images = (SELECT count(*) FROM images WHERE "
        "images.category = shards.category AND images.labelled = shards.labelled)"
    )


def _index_attributes(connection: sqlite3.Connection) -> None:
    """As rows, so that a filter reads what passes. The database itself keeps them in step with
    ``images``, also where an older Packsight writes. Of a million images this takes seconds."""
    connection.execute(
        """
        CREATE TABLE IF NOT EXISTS image_attributes (
            name TEXT NOT NULL,
            value TEXT NOT NULL,
            image INTEGER NOT NULL,
            PRIMARY KEY (name, value, image)
        ) STRICT, WITHOUT ROWID
        """
    )
    come = (
        "INSERT OR IGNORE INTO image_attributes (name, value, image) "
        f"SELECT key, value, new.id FROM {_filters.pairs('new.attributes')};"
    )
    go = (
        "DELETE FROM image_attributes WHERE image = old.id "
        f"AND (name, value) IN (SELECT key, value FROM {_filters.pairs('old.attributes')});"
    )
    for event, statements in {
        "INSERT": come,
        "DELETE": go,
        "UPDATE OF attributes": f"{go} {come}",
    }.items():
        when = "WHEN old.attributes <> new.attributes" if event.startswith("UPDATE") else ""
        connection.execute(
            f"CREATE TRIGGER IF NOT EXISTS image_attributes_{event.split()[0].lower()} "
            f"AFTER {event} ON images {when} BEGIN {statements} END"
        )
    for statement in _filters.deriving(SqliteConnection.longest):
        connection.execute(statement)


def _add_columns(connection: sqlite3.Connection, table: str, **types: str) -> None:
    """Those that the table lacks."""
    sql = f"SELECT name FROM pragma_table_info('{table}')"
    present = {row[0] for row in connection.execute(sql)}
    for column, kind in types.items():
        if column not in present:
            connection.execute(f"ALTER TABLE {table} ADD COLUMN {column} {kind}")


# The tables of today are all of these steps, in this order; never change one, add another.
# ``PRAGMA user_version`` counts those that a gallery has. Galleries made before they were counted
# have 0, so the first two steps look at what is there.
#
# A new column is a step here, for ``withdrawn`` too, and a line in each of
# ``_rows.description_row`` (or ``image_row``) and its reader there. It must allow NULL: only a
# writer migrates. Readers read by name what there is, an older gallery as it lies and a newer one
# without what they do not know; an older Packsight writes the columns that it knows.
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (
    _create_tables,
    _add_trust,
    _add_file_identity,
    _add_skipped_files,
    _add_adaptations,
    _add_parts_of_adaptations,
    _add_keypoints,
    _add_print_weights,
    _add_unknown_categories,
    _add_given_masks,
    _index_trust,
    _add_overruled_labels,
    _add_withdrawn_images,
    _log_shards,
    _index_attributes,
)


class SqliteConnection(sqlite3.Connection):
    """See ``_connection.Connection``."""

    longest = 1_000_000_000  # as SQLite's texts
    # CAST makes 0 of a text that begins otherwise.
    leading_number = (
        "CASE WHEN ltrim(value, ' ') GLOB '[0-9]*' OR ltrim(value, ' ') GLOB '[+-][0-9]*' "
        f"THEN CAST(substr(value, 1, {NUMBER_WITHIN}) AS REAL) END"
    )

    def stream(self, sql: str, parameters: Parameters = ()) -> sqlite3.Cursor:
        return self.execute(sql, parameters)

    def columns(self, table: str) -> list[str]:
        rows = self.execute("SELECT name FROM pragma_table_info(?)", (table,))
        return [str(name) for (name,) in rows]

    def faults(self) -> list[str]:
        rows = self.execute("PRAGMA integrity_check").fetchall()
        faults = [str(text) for (text,) in rows if text != "ok"]
        for table, row, parent, _ in self.execute("PRAGMA foreign_key_check"):
            faults.append(f"{table} row {row} has no row in {parent}")
        return faults


# How long a statement waits for another process's short transaction.
BUSY_SECONDS = 10.0


def connect(folder: Path, database: str = DATABASE) -> SqliteConnection:
    """Open a database in WAL mode with full durability; autocommit, callers begin.

    WAL lets readers see one snapshot beside a writer; synchronous=FULL means that what COMMIT
    has acknowledged survives a killed process and a power cut. A database that ``is_frozen`` is
    opened as immutable, without the log and the locks that would lie beside it.
    """
    if is_frozen(folder, database):
        return _connect_frozen(folder, database)
    connection = sqlite3.connect(
        folder / database,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        factory=SqliteConnection,
    )
    connection.row_factory = sqlite3.Row
    try:
        _keep_log(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.OperationalError as error:
        connection.close()
        if _log_lies_beside(folder, database) and _on_read_only_medium(folder):
            raise _unreadable_log(folder, database) from error
        raise
    except BaseException:
        connection.close()
        raise
    return connection


def _keep_log(connection: sqlite3.Connection) -> None:
    """Set WAL mode. A database that several make at once is busy to all but one of them, and SQLite
    raises that without the wait of other statements: both hold the lock that each waits for."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def is_frozen(folder: Path, database: str = DATABASE) -> bool:
    """Whether the database lies on a read-only medium and no log or lock of a writer beside it.

    Only then may it be opened without locks. That this user may not write there is not enough: on
    a medium that can be written, another user may.
    """
    return not _log_lies_beside(folder, database) and _on_read_only_medium(folder)


def stamp(folder: Path) -> tuple[int, ...]:
    """Of the database file; it differs after a write to what one process sees as read-only, such
    as a mount of a folder that another one can write."""
    status = (folder / DATABASE).stat()
    return status.st_ino, status.st_size, status.st_mtime_ns, _log_lies_beside(folder, DATABASE)


def _log_lies_beside(folder: Path, database: str) -> bool:
    """A writer at work, or one that was killed, leaves both files; its end deletes them."""
    log, memory = folder / f"{database}-wal", folder / f"{database}-shm"
    return memory.exists() or (log.exists() and log.stat().st_size > 0)


def _on_read_only_medium(folder: Path) -> bool:
    return hasattr(os, "statvfs") and bool(os.statvfs(folder).f_flag & os.ST_RDONLY)


def _connect_frozen(folder: Path, database: str) -> SqliteConnection:
    # As a URI: ?, # and % in the folder's name are escaped.
    uri = f"{(folder / database).absolute().as_uri()}?mode=ro&immutable=1"
    connection = sqlite3.connect(
        uri,
        uri=True,
        isolation_level=None,
        check_same_thread=False,
        factory=SqliteConnection,
    )
    connection.row_factory = sqlite3.Row
    return connection


def _unreadable_log(folder: Path, database: str) -> GalleryError:
    return GalleryError(
        f"{folder}: lies on a read-only medium, and its last writes are still in {database}-wal, "
        "which cannot be read there.",
        remedy="Copy the whole folder to a disk that can be written, and run there: packsight "
        "gallery check COPY",
    )


def migrate(connection: sqlite3.Connection) -> None:
    """Take the steps that a gallery lacks; call as the one writer, in a write transaction."""
    done = version(connection)
    for step in MIGRATIONS[done:]:
        step(connection)
    if done < len(MIGRATIONS):
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def version(connection: sqlite3.Connection) -> int:
    """How many migrations a gallery has; more than there are here: of a newer Packsight."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def translated(folder: Path, database: str = DATABASE) -> Iterator[None]:
    """Errors of SQLite and of the file system as GalleryError, with the remedy."""
    try:
        yield
    except sqlite3.Error as error:
        raise _explain(folder, error, database) from error
    except OSError as error:
        raise GalleryError(
            f"{folder}: {error.strerror or error}.",
            remedy="See that this user may write in the folder, and that its disk has room.",
        ) from error


def _explain(folder: Path, error: sqlite3.Error, database: str) -> GalleryError:
    text = str(error)
    if "full" in text:
        return GalleryError(
            f"{folder}: the disk is full; what was acknowledged before is safe.",
            remedy="Free space and run the same command again.",
        )
    if "locked" in text or "busy" in text:
        return GalleryError(
            f"{folder}: another process has held {database} for over {BUSY_SECONDS:.0f} s.",
            remedy="Wait for it to end and run the same command again.",
        )
    if "malformed" in text or "not a database" in text:
        return DamageError(
            f"{folder}: {database} is damaged ({text}).",
            remedy="Restore it from a backup, or delete the folder and ingest again."
            if database == DATABASE
            else "Restore it from a backup or an export.",
        )
    if "disk I/O" in text:  # of a full disk where its shared memory cannot grow
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

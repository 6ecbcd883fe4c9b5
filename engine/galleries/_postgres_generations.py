"""The generations of a gallery in PostgreSQL: a schema each, and the list of which one is in use.

Decisions and jobs lie beside that list and belong to none.
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime

from psycopg import sql

from engine.errors import GalleryError, LockedError
from engine.galleries import _postgres_schema as _schema
from engine.galleries import _rows
from engine.galleries._postgres_address import PostgresAddress
from engine.galleries._postgres_connection import PostgresConnection, connect, readers, translated
from engine.manifest import Generations, Manifest

_OWNER = "writer"  # names of advisory locks, with that of a generation
LIST = "generations"


def read(place: PostgresAddress) -> Generations:
    """Those that are there; GalleryError where there is no gallery."""
    with translated(place.shown):
        require(place)
        with reading(place) as connection:
            rows = connection.run("SELECT * FROM generations").fetchall()
    rows.sort(key=lambda row: int(row["name"]))
    (used,) = (row for row in rows if row["current"])
    before = next((str(row["name"]) for row in rows if row["used_before"]), None)
    all_names = tuple(str(row["name"]) for row in rows)
    return Generations(str(used["name"]), all_names, before, used["used_since"] or "")


def use(place: PostgresAddress, name: str) -> None:
    """From now on, in one transaction; see ``Home``."""
    with (
        translated(place.shown),
        contextlib.closing(connect(place, write=True)) as connection,
        changing(connection, place, LIST),
    ):
        rows = connection.run("SELECT name, current FROM generations").fetchall()
        if name not in [row["name"] for row in rows]:
            raise not_there(place, name)
        if name in [row["name"] for row in rows if row["current"]]:
            return
        connection.run(
            "UPDATE generations SET used_before = current, current = false, used_since = NULL"
        )
        since = datetime.now(UTC).isoformat(timespec="seconds")
        connection.run(
            "UPDATE generations SET current = true, used_since = %(since)s WHERE name = %(name)s",
            {"since": since, "name": name},
        )


def delete(place: PostgresAddress, name: str) -> None:
    """One that is not in use; see ``Home``."""
    with (
        translated(place.shown),
        contextlib.closing(connect(place, write=True)) as connection,
    ):
        if name not in names(place, connection):
            raise not_there(place, name)
        lock(connection, place, name)
        with changing(connection, place, LIST):
            if current(place, connection) == name:
                raise GalleryError(
                    f"{place.shown}: generation {name} is in use.",
                    remedy=f"Use another first: packsight gallery rollback '{place.shown}'",
                )
            schema = sql.Identifier(place.generation_schema(name))
            connection.run(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
            connection.run("DELETE FROM generations WHERE name = %(name)s", {"name": name})


@contextlib.contextmanager
def changing(connection: PostgresConnection, place: PostgresAddress, what: str) -> Iterator[None]:
    """One write transaction, the only one of its kind."""
    connection.begin(write=True)
    try:
        connection.run("SELECT pg_advisory_xact_lock(%(key)s)", {"key": place.lock(what)})
        yield
        connection.commit()
    except BaseException:
        connection.rollback()
        raise


@contextlib.contextmanager
def reading(place: PostgresAddress) -> Iterator[PostgresConnection]:
    """What belongs to no generation."""
    pool = readers(place)
    connection = pool.take(place)
    try:
        yield connection
    finally:
        pool.give_back(connection)


def current(place: PostgresAddress, connection: PostgresConnection | None = None) -> str | None:
    """The generation in use; None where there is no gallery."""
    if connection is None:
        with reading(place) as reader:
            return current(place, reader)
    if not connection.columns(f'"{place.schema}".generations'):
        require_visible(place, connection)
        return None
    row = connection.run("SELECT name FROM generations WHERE current").fetchone()
    return None if row is None else str(row[0])


def require_visible(place: PostgresAddress, connection: PostgresConnection) -> None:
    """GalleryError where there is a schema of this name that the user may not look into."""
    row = connection.run(
        "SELECT current_user WHERE EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = %(schema)s "
        "AND NOT has_schema_privilege(oid, 'USAGE'))",
        {"schema": place.schema},
    ).fetchone()
    if row is not None:
        raise GalleryError(
            f"{place.shown}: user {row[0]} may not read the schema {place.schema}.",
            remedy="Let its owner grant the right; docs/scale.md has the roles.",
        )


def require_free(connection: PostgresConnection, place: PostgresAddress) -> None:
    """GalleryError where the schema holds what is of no gallery of this name."""
    row = connection.run(
        "SELECT 1 FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s) "
        "AND to_regclass(%(list)s) IS NULL LIMIT 1",
        {"schema": f'"{place.schema}"', "list": f'"{place.schema}".generations'},
    ).fetchone()
    if row is not None or place.schema == connection.raw.pgvector:
        raise GalleryError(
            f"{place.shown}: the schema {place.schema} holds other tables, pgvector, or a "
            "generation of another gallery.",
            remedy="Choose another name: ?schema=NAME in the address",
        )


def free(connection: PostgresConnection, place: PostgresAddress, number: int) -> str:
    """The name of the first generation from ``number`` on whose schema is not there: a gallery may
    be called as the generation of another would be."""
    while True:
        schema = {"schema": f'"{place.generation_schema(str(number))}"'}
        row = connection.run("SELECT to_regnamespace(%(schema)s)::text", schema).fetchone()
        if row is None or row[0] is None:
            return str(number)
        number += 1


def names(place: PostgresAddress, connection: PostgresConnection | None = None) -> list[str]:
    if connection is None:
        with reading(place) as reader:
            return names(place, reader)
    rows = connection.run("SELECT name FROM generations").fetchall()
    return sorted((str(name) for (name,) in rows), key=int)


def require(place: PostgresAddress, connection: PostgresConnection | None = None) -> str:
    """The generation in use; GalleryError where there is no gallery."""
    name = current(place, connection)
    if name is None:
        raise GalleryError(
            f"{place.shown}: no gallery here.",
            remedy=f"Make one with: packsight ingest FOLDER --gallery '{place.shown}'",
        )
    return name


def not_there(place: PostgresAddress, name: str) -> GalleryError:
    return GalleryError(
        f"{place.shown}: there is no generation {name}.",
        remedy=f"There are: {', '.join(names(place)) or 'none'}.",
    )


def lock(connection: PostgresConnection, place: PostgresAddress, name: str) -> None:
    """Become the one writer, or raise GalleryError naming the process that is it."""
    key = place.lock(f"{_OWNER} {name}")
    row = connection.run("SELECT pg_try_advisory_lock(%(key)s)", {"key": key}).fetchone()
    if row is not None and row[0]:
        return
    holder = connection.run(
        "SELECT application_name, client_addr::text FROM pg_stat_activity JOIN pg_locks USING (pid)"
        " WHERE locktype = 'advisory' AND granted "
        "AND (classid::bigint << 32) | objid::bigint = %(key)s",
        {"key": key},
    ).fetchone()
    named = "" if holder is None else f" ({holder[0]}{f' at {holder[1]}' if holder[1] else ''})"
    raise LockedError(
        f"{place.shown}: another process{named} is writing to this gallery.",
        remedy="Wait for it to end and run the same command again.",
    )


def upgrade(connection: PostgresConnection, place: PostgresAddress, name: str) -> None:
    """Bring the tables of an older Packsight up to date; call as the one writer."""
    with changing(connection, place, LIST):
        _schema.migrate(connection, place.shown, place.schema, _schema.SHARED)
        schema = place.generation_schema(name)
        _schema.migrate(connection, place.shown, schema, _schema.GENERATION)


def add(
    connection: PostgresConnection,
    place: PostgresAddress,
    name: str,
    manifest: Manifest,
    *,
    current: bool = False,
) -> None:
    """In a write transaction."""
    schema = place.generation_schema(name)
    _schema.migrate(connection, place.shown, schema, _schema.GENERATION, manifest.dimension)
    connection.run(f'SET LOCAL search_path = "{schema}", "{place.schema}"')
    _rows.store_manifest(connection, manifest.to_rows())
    connection.run(
        "INSERT INTO generations (name, token, current) VALUES (%(name)s, %(token)s, %(current)s)",
        {"name": name, "token": secrets.token_hex(8), "current": current},
    )

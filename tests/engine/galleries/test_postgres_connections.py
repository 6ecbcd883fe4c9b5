"""The connections by which a process reads galleries in PostgreSQL: few, kept, and replaced."""

from __future__ import annotations

from itertools import count
from typing import Any

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.galleries import _postgres_connection as connections
from engine.galleries import add_generation, gallery_identity, open_gallery, use_generation
from engine.types import Embedding
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

QUERY = Embedding(np.ones(2, np.float32))
_NUMBERS = count()


@pytest.fixture
def database_name(postgres: PostgresServer) -> str:
    name = f"connections_{next(_NUMBERS)}"
    postgres.execute(f"CREATE DATABASE {name}")
    postgres.execute("CREATE EXTENSION vector", name)
    return name


def filled(postgres: PostgresServer, database: str, schema: str) -> str:
    address = postgres.address(database, schema=schema)
    with open_gallery(address, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    return address


def opened(postgres: PostgresServer, database: str) -> int:
    sql = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}'"
    return int(postgres.execute(sql))


def test_requests_do_not_make_a_connection_forget_what_it_prepared(
    postgres: PostgresServer, database_name: str
) -> None:
    address = filled(postgres, database_name, "one")
    with open_gallery(address) as gallery:
        for _ in range(12):
            gallery_identity(address)
            gallery.search(QUERY, 1)
        with gallery.snapshot():
            connection = gallery._connection  # type: ignore[attr-defined]
            names = connection.run("SELECT statement FROM pg_prepared_statements").fetchall()
        assert any("<->" in name for (name,) in names)
    assert opened(postgres, database_name) <= 2


def test_galleries_of_one_database_share_the_connections(
    postgres: PostgresServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    addresses = [filled(postgres, database_name, name) for name in ("one", "two", "three")]
    monkeypatch.setattr(connections, "READERS", 2)
    monkeypatch.setattr(connections, "_readers", {})
    before = opened(postgres, database_name)
    for _ in range(2):
        for address in addresses:
            with open_gallery(address) as gallery:
                assert len(gallery.search(QUERY, 5)) == 1
    assert opened(postgres, database_name) <= before + 2


def test_the_identity_is_of_now_and_outlives_its_connection(
    postgres: PostgresServer, database_name: str
) -> None:
    address = filled(postgres, database_name, "one")
    before = gallery_identity(address)
    postgres.execute(
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database_name}'"
    )
    assert gallery_identity(address) == before
    use_generation(address, add_generation(address, manifest(fingerprint="0" * 64)))
    assert gallery_identity(address) != before
    none = postgres.address(database_name, schema="none")
    for _ in range(3):
        assert gallery_identity(none).endswith(":")


def test_a_gallery_that_was_closed_is_free_before_the_server_has_ended_the_session(
    postgres: PostgresServer, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions: list[Any] = []
    with monkeypatch.context() as patched:
        patched.setattr("psycopg.Connection.close", lambda one: sessions.append(one))
        address = filled(postgres, database_name, "one")
        open_gallery(address, write=True).close()
        assert sessions
    for session in sessions:
        session.close()

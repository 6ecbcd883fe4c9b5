"""What a gallery in PostgreSQL cannot do, in a user's words, by real servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")
import psycopg

from engine.curation import Curation
from engine.errors import GalleryError, LockedError
from engine.galleries import add_generation, gallery_exists, generations, open_gallery
from engine.galleries._schema import JOBS
from engine.galleries.postgres import PostgresGallery
from engine.protocols import WritableGallery
from engine.types import Embedding
from packsight.cli import main
from tests.engine.made_descriptions import described, entry, manifest
from tests.packsight_command import command
from tests.postgres_server import PostgresServer, database, free_port, postgres_server
from tests.small_disk import small_disk
from tests.watched_processes import wait

pytestmark = pytest.mark.slow

_NUMBERS = count()
SECRET = "s3cret%2Fpass"
QUERY = Embedding(np.ones(2, np.float32))


@pytest.fixture(scope="module")
def guarded() -> Iterator[PostgresServer]:
    """A server on which one user needs a password and another may not do much."""
    with postgres_server() as server:
        server.execute("CREATE ROLE shop LOGIN PASSWORD 's3cret/pass'")
        server.execute("CREATE ROLE guest LOGIN")
        server.execute("CREATE ROLE single LOGIN CONNECTION LIMIT 1")
        server.execute("GRANT CREATE ON DATABASE postgres TO shop, single")
        rules = server.data / "pg_hba.conf"
        rules.write_text(f"host all shop 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server.execute("SELECT pg_reload_conf()")
        yield server


def made(server: PostgresServer, **parameters: str) -> str:
    """The address of a gallery of one image."""
    address = server.address(schema=f"errors_{next(_NUMBERS)}", **parameters)
    with open_gallery(address, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    return address


def refused(capsys: pytest.CaptureFixture[str], *arguments: str, secret: str = "s3cret") -> str:
    """The line that the command fails with."""
    capsys.readouterr()
    assert main(list(arguments)) == 1
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "Traceback" not in line and secret not in line
    return line


def test_a_server_that_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    address = f"postgresql://shop:{SECRET}@127.0.0.1:{free_port()}/catalogue"
    for action in ("info", "check", "rebuild"):
        line = refused(capsys, "gallery", action, address)
        assert "does not answer" in line and "127.0.0.1" in line and "PostgreSQL runs" in line


def test_a_host_that_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "gallery", "info", "postgresql://nowhere.invalid/catalogue")
    assert "nowhere.invalid" in line


def test_a_wrong_password(guarded: PostgresServer, capsys: pytest.CaptureFixture[str]) -> None:
    right = guarded.address(user=f"shop:{SECRET}", schema="right")
    open_gallery(right, manifest=manifest()).close()
    assert main(["gallery", "info", right]) == 0
    assert "s3cret" not in capsys.readouterr().out
    for user in ("shop:s3cret", "shop"):
        line = refused(capsys, "gallery", "info", guarded.address(user=user, schema="right"))
        assert "password" in line and "PGPASSWORD" in line


def test_no_password_is_shown_of_an_address_that_cannot_be_understood(
    guarded: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for address in (
        "postgresql://shop:s3cret@[::1/catalogue",
        "postgresql://shop:s3cret%zz@127.0.0.1/catalogue",
        "postgresql://shop:s%00s3cret@127.0.0.1/catalogue",
        "postgresql://shop:one@s3cret@127.0.0.1/catalogue",
        "postgresql://shop:s3cret@127.0.0.1:port/catalogue",
        "postgresql://shop:s3cret/more@127.0.0.1/catalogue",
        "postgresql://shop:s3cret@127.0.0.1/catalogue?sslmode=perhaps",
        "postgresql://shop:s3cret@127.0.0.1/catalogue?colour=red",
        "postgresql://shop:s3cret@127.0.0.1/catalogue?schema=Big+Name",
        guarded.address(user="shop", password="s3cret", schema="none"),
    ):
        refused(capsys, "gallery", "info", address)
        refused(capsys, "gallery", "rebuild", address)
    line = refused(capsys, "gallery", "info", "postgresql://127.0.0.1/catalogue?colour=red")
    assert "colour" in line


def test_a_user_who_is_not_there(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    line = refused(capsys, "gallery", "info", postgres.address(user="nobody_here"))
    assert "nobody_here" in line and "user or password" in line


def test_a_port_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    for port in ("99999", "abc"):
        line = refused(capsys, "gallery", "info", f"postgresql://127.0.0.1:{port}/catalogue")
        assert port in line and "PostgreSQL runs" not in line


def test_no_such_database(postgres: PostgresServer, capsys: pytest.CaptureFixture[str]) -> None:
    line = refused(capsys, "gallery", "info", postgres.address("none_of_this_name"))
    assert "none_of_this_name" in line and "createdb" in line


def test_no_gallery_in_a_database(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    for action in ("info", "rebuild"):
        line = refused(capsys, "gallery", action, postgres.address(schema="empty"))
        assert "no gallery here" in line and "packsight ingest" in line


def test_a_name_that_is_none_of_a_schema() -> None:
    for name in ("Big", "a-b", "x" * 49, "", 'a"b', "1a"):
        with pytest.raises(GalleryError, match="schema") as raised:
            open_gallery(f"postgresql://127.0.0.1/catalogue?schema={name}")
        assert raised.value.remedy


@pytest.mark.parametrize("name", ["schema", "indexes"])
def test_a_name_that_stands_twice_in_an_address(name: str) -> None:
    with pytest.raises(GalleryError, match=f"{name} twice"):
        open_gallery(f"postgresql://a@127.0.0.1/b?{name}=bottles&x=1&{name}=jars")


def test_a_schema_that_is_not_a_gallerys(postgres: PostgresServer) -> None:
    for name in ("public", "pg_catalog", "pg_mine", "information_schema"):
        with pytest.raises(GalleryError, match="not for galleries"):
            open_gallery(postgres.address(schema=name))
    address = made(postgres)
    other = f"{address.rpartition('=')[2]}_1"
    postgres.execute("CREATE SCHEMA elses CREATE TABLE jobs (id integer)")
    for name in (other, "elses"):
        with pytest.raises(GalleryError, match="another gallery"):
            open_gallery(postgres.address(schema=name), manifest=manifest())
    with open_gallery(address) as gallery:
        assert len(gallery) == 1
    postgres.execute("CREATE SCHEMA empty_one")
    open_gallery(postgres.address(schema="empty_one"), manifest=manifest()).close()


def test_a_gallery_beside_one_that_is_called_like_its_generation(postgres: PostgresServer) -> None:
    for name in ("twin_1", "twin_3", "twin"):
        open_gallery(postgres.address(schema=name), manifest=manifest()).close()
    address = postgres.address(schema="twin")
    assert generations(address).names == ("2",)
    assert add_generation(address, manifest(3)) == "4"
    for name in ("twin_1", "twin_3"):
        with open_gallery(postgres.address(schema=name)) as gallery:
            assert len(gallery) == 0


def test_tables_of_others_in_the_schema_of_pgvector(postgres: PostgresServer) -> None:
    """Which every gallery of the database finds its type in."""
    with database(postgres, "shared") as address:
        for table in ("generations", "jobs", "decisions", "manifest", "images"):
            postgres.execute(f"CREATE TABLE {table} (number integer)", "shared")
        assert not gallery_exists(address)
        with pytest.raises(GalleryError, match="no gallery here"):
            open_gallery(address)
        with Curation.open(address) as curation:
            assert curation.counts() == {}
        with open_gallery(address, manifest=manifest()) as gallery:
            gallery.add([entry("a")], [described((1, 0))])
        assert postgres.execute("SELECT count(*) FROM images", "shared") == "0"


def test_pgvector_that_is_not_in_the_database(guarded: PostgresServer) -> None:
    guarded.execute("CREATE DATABASE plain")
    guarded.execute("CREATE DATABASE strict")
    open_gallery(guarded.address("plain"), manifest=manifest()).close()
    with pytest.raises(GalleryError) as raised:
        open_gallery(guarded.address("strict", user="guest"), manifest=manifest())
    assert "CREATE EXTENSION vector" in raised.value.remedy
    guarded.execute("ALTER DATABASE strict SET extension_control_path = '/none'")
    with pytest.raises(GalleryError, match="not installed") as raised:
        open_gallery(guarded.address("strict"), manifest=manifest())
    assert "package" in raised.value.remedy


def test_a_user_who_may_not_read_or_write(guarded: PostgresServer) -> None:
    address = made(guarded)
    theirs = address.replace("packsight@", "guest@")
    for act in (
        lambda: open_gallery(theirs),
        lambda: open_gallery(theirs, write=True),
        lambda: open_gallery(guarded.address(user="guest", schema="new"), manifest=manifest()),
    ):
        with pytest.raises(GalleryError) as raised:
            act()
        assert "grant" in raised.value.remedy or "may not see" in str(raised.value)


def test_a_full_disk(guarded: PostgresServer) -> None:
    with small_disk(guarded.folder / "small", "24m") as disk:
        shutil.chown(disk, "nobody")
        guarded.execute(f"CREATE TABLESPACE small LOCATION '{disk}'")
        guarded.execute("CREATE DATABASE small TABLESPACE small")
        address = guarded.address("small")
        with open_gallery(address, manifest=manifest(2000)) as gallery:
            vector = np.random.default_rng(0).normal(size=2000).tolist()
            stored = 0
            with pytest.raises(GalleryError, match="disk is full") as raised:
                for number in range(100):
                    entries = [entry(f"{number} {one}") for one in range(64)]
                    gallery.add(entries, [described(vector)] * 64)
                    stored += 64
            assert "Free space" in raised.value.remedy
            assert stored and len(gallery) == stored, "what was acknowledged is there"
        guarded.execute("DROP DATABASE small WITH (FORCE)")
        guarded.execute("DROP TABLESPACE small")


def test_a_statement_that_takes_too_long(
    postgres: PostgresServer, capsys: pytest.CaptureFixture[str]
) -> None:
    address = made(postgres)
    with psycopg.connect(postgres.address()) as holder:
        schema = address.rpartition("=")[2]
        holder.execute(f"LOCK TABLE {schema}_1.images IN ACCESS EXCLUSIVE MODE")
        limited = f"{address}&options=-c%20statement_timeout=500ms"
        line = refused(capsys, "gallery", "info", limited)
        assert "longer than the limit" in line and "statement_timeout" in line
        limited = f"{address}&options=-c%20lock_timeout=50ms"
        line = refused(capsys, "gallery", "info", limited)
        assert "held what is needed" in line and "again" in line


def test_connections_that_are_all_in_use(
    guarded: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.galleries._postgres_connection.CONNECT_SECONDS", 0.5)
    address = guarded.address(user="single", schema="single")
    with psycopg.connect(address.partition("?")[0]):
        with pytest.raises(GalleryError, match="connections are in use") as raised:
            open_gallery(address)
        assert "max_connections" in raised.value.remedy
        with pytest.raises(GalleryError, match="connections are in use"):
            open_gallery(address, manifest=manifest())


def test_a_server_that_is_set_to_be_read_only(guarded: PostgresServer) -> None:
    made(guarded, options="-c%20lock_timeout=5s")
    address = made(guarded)
    guarded.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    guarded.execute("SELECT pg_reload_conf()")
    try:
        with open_gallery(address) as gallery:
            assert len(gallery.search(QUERY, 5)) == 1
        with pytest.raises(GalleryError, match="written to") as raised:
            open_gallery(address, write=True)
        assert "primary" in raised.value.remedy
    finally:
        guarded.execute("ALTER SYSTEM RESET default_transaction_read_only")
        guarded.execute("SELECT pg_reload_conf()")


def test_the_extra_that_is_not_installed() -> None:
    gone = "import sys; sys.modules['psycopg'] = None; "
    done = command("gallery", "info", "postgresql://127.0.0.1/catalogue", before=gone)
    assert done.code == 1 and "packsight[postgres]" in done.line


def test_a_second_writer_is_refused_naming_the_first(postgres: PostgresServer) -> None:
    address = made(postgres)
    with open_gallery(address, write=True):
        with pytest.raises(LockedError, match=f"packsight {os.getpid()}"):
            open_gallery(address, write=True)
        with open_gallery(address) as reader:
            assert len(reader) == 1
    open_gallery(address, write=True).close()


WRITER = """
import sys
from engine.galleries import add_generation, gallery_exists, generations, open_gallery
from tests.engine.made_descriptions import described, entry
gallery = open_gallery(sys.argv[1], write=True)
for number in range(1000):
    gallery.add([entry(f"k{number}")], [described((number, 1))])
    print(number, flush=True)
"""


def test_a_writer_that_was_killed_lets_go_and_leaves_what_it_acknowledged(
    postgres: PostgresServer,
) -> None:
    address = made(postgres)
    with subprocess.Popen(
        [sys.executable, "-c", WRITER, address],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as writer:
        assert writer.stdout is not None
        acknowledged = [next(writer.stdout) for _ in range(20)]
        with pytest.raises(LockedError, match=f"packsight {writer.pid}"):
            open_gallery(address, write=True)
        writer.kill()
        acknowledged += list(writer.stdout)
    opened: list[WritableGallery] = []

    def is_free() -> bool:
        with suppress(LockedError):
            opened.append(open_gallery(address, write=True))
        return bool(opened)

    assert wait(is_free)
    with opened[0] as gallery:
        names = {source.product_id for source in gallery.sources()}
        assert {f"k{line.strip()}" for line in acknowledged} <= names
        assert gallery.check() == []


def test_a_change_that_the_server_cut_off_does_not_hinder_the_next(
    postgres: PostgresServer,
) -> None:
    address = postgres.address(schema=f"cut_off_{next(_NUMBERS)}")
    open_gallery(address, manifest=manifest()).close()
    database = PostgresGallery.database(address, JOBS, 1, ())
    with pytest.raises(GalleryError), database.changing() as connection:
        number = connection.execute("SELECT pg_backend_pid()").fetchone()[0]
        postgres.execute(f"SELECT pg_terminate_backend({number})")
        connection.execute("SELECT pg_sleep(10)")
    for transaction in (database.reading, database.changing):
        with transaction() as connection:
            assert connection is not None and connection.execute("SELECT 1").fetchone()
    database.close()

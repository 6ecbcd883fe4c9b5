"""Reads from a replica, writes to the primary, and both while one of them is killed."""

from __future__ import annotations

import operator
import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import numpy as np
import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")

from engine.config import RouteSettings
from engine.errors import DisconnectedError, GalleryError
from engine.galleries import open_gallery
from engine.protocols import Gallery
from engine.request import Request
from engine.search import Searcher
from engine.types import Embedding
from stages.context import BuildContext
from stages.rerank.none import Options, build
from tests.engine.fake_parts import fake_describer
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer, free_port, give_away, postgres_server, run
from tests.watched_processes import wait

pytestmark = pytest.mark.slow

QUERY = Embedding(np.ones(2, np.float32))
_NUMBERS = count()


class Pair(NamedTuple):
    primary: PostgresServer
    standby: PostgresServer

    def address(self, wanted: str = "prefer-standby") -> str:
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self)
        return (
            f"postgresql://packsight@{hosts}/postgres?target_session_attrs={wanted}"
            f"&schema=replica_{next(_NUMBERS)}"
        )

    def caught_up(self) -> None:
        """Returns once the standby has all that the primary has written."""
        written = self.primary.execute("SELECT pg_current_wal_lsn()")
        sql = f"SELECT pg_last_wal_replay_lsn() >= '{written}'"
        assert wait(lambda: self.standby.execute(sql) == "t")


@contextmanager
def standby_of(primary: PostgresServer) -> Iterator[PostgresServer]:
    folder = Path(mkdtemp(prefix="packsight-postgres-"))
    folder.chmod(0o755)
    give_away(folder)
    data = folder / "data"
    run("pg_basebackup", "-h", "127.0.0.1", "-p", primary.port, "-U", "packsight",
        "-D", data, "-R", "--checkpoint=fast", "--no-sync")  # fmt: skip
    server = PostgresServer(folder, free_port())
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with postgres_server() as primary, standby_of(primary) as standby:
        yield Pair(primary, standby)


@pytest.fixture
def address(pair: Pair) -> str:
    """Of a gallery of one image, which both have."""
    for server in pair:
        if server.process is None:
            server.start()
    found = pair.address()
    with open_gallery(found, manifest=manifest()) as gallery:
        gallery.add([entry("a")], [described((1, 0))])
    pair.caught_up()
    return found


def port_of(gallery: Gallery) -> int:
    """Of the server that it reads from."""
    with gallery.snapshot():
        return int(gallery._connection.raw.info.port)  # type: ignore[attr-defined]


def test_searches_run_on_the_standby_and_writes_on_the_primary(pair: Pair, address: str) -> None:
    with open_gallery(address) as reader, open_gallery(address, write=True) as writer:
        assert port_of(reader) == pair.standby.port
        assert port_of(writer) == pair.primary.port
        (new,) = writer.add([entry("b")], [described((1, 1))])
        assert wait(lambda: len(reader.search(QUERY, 5)) == 2)
        assert reader.search(QUERY, 1)[0].id == new
        reader.learn(np.ones((1, 2), np.float32))
        pair.caught_up()
        statistics = reader.query_statistics()
        assert statistics is not None and statistics.count == 1


def test_images_vote_that_a_replica_does_not_have_yet(pair: Pair, address: str) -> None:
    pair.standby.execute("SELECT pg_wal_replay_pause()")
    try:
        with open_gallery(address, write=True) as writer:
            (new,) = writer.add([entry("b")], [described((1, 1))])
            with writer.searching_as_now():
                assert writer.search(QUERY, 1)[0].id == new
    finally:
        pair.standby.execute("SELECT pg_wal_replay_resume()")


def test_a_replica_alone_is_searched_and_not_written_to(pair: Pair, address: str) -> None:
    schema = address.rpartition("=")[2]
    alone = pair.standby.address(schema=schema)
    with open_gallery(alone) as reader:
        assert len(reader.search(QUERY, 5)) == 1
        assert reader.storage().behind is not None
        with pytest.raises(OSError, match="read-only"):
            reader.learn(np.ones((1, 2), np.float32))
    for act in (
        lambda: open_gallery(alone, write=True),
        lambda: open_gallery(pair.standby.address(schema="new"), manifest=manifest()),
    ):
        with pytest.raises(GalleryError, match="cannot be written to") as raised:
            act()
        assert "primary" in raised.value.remedy


@pytest.mark.parametrize("killed", ["primary", "standby"])
def test_queries_go_on_while_one_of_both_is_killed(pair: Pair, address: str, killed: str) -> None:
    faults, done = list[BaseException](), threading.Event()
    searches = [0] * 3
    reranker = build(Options(), BuildContext())
    photo = described((1, 1))

    def search(number: int) -> None:
        with open_gallery(address) as reader:
            routing = RouteSettings()
            searcher = Searcher(fake_describer(), reader, reranker, routing, normalised=False)
            while not done.is_set():
                try:
                    assert len(searcher.results(photo, Request()).hits) == 1
                    searches[number] += 1
                except BaseException as error:
                    faults.append(error)

    def all_go_on() -> bool:
        least = [number + 5 for number in searches]
        return wait(lambda: all(map(operator.ge, searches, least)))

    with ThreadPoolExecutor(len(searches)) as pool:
        threads = [pool.submit(search, number) for number in range(len(searches))]
        try:
            server: PostgresServer = getattr(pair, killed)
            assert all_go_on()
            server.kill()
            assert all_go_on()
            time.sleep(1)
            server.start()
            assert all_go_on()
        finally:
            done.set()
    for thread in threads:
        thread.result()
    assert all(isinstance(error, GalleryError) for error in faults)
    assert len(faults) <= (len(threads) if killed == "standby" else 0)


def test_a_read_that_a_shutdown_ends_is_one_of_a_lost_connection() -> None:
    with postgres_server() as server:
        address = server.address()
        with open_gallery(address, manifest=manifest()) as gallery:
            gallery.add([entry("a")], [described((1, 0))])
            server.kill()
            with pytest.raises(DisconnectedError, match="ended the connection"):
                gallery.add([entry("b")], [described((1, 0))])
        server.start()
        with (
            open_gallery(address) as reader,
            pytest.raises(DisconnectedError),
            reader.snapshot(),
        ):
            assert len(reader.search(QUERY, 5)) == 1
            server.stop()
            reader.search(QUERY, 5)


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_a_search_survives_that_the_server_is_started_anew(how: str) -> None:
    with postgres_server() as server:
        address = server.address()
        with open_gallery(address, manifest=manifest()) as gallery:
            gallery.add([entry("a")], [described((1, 0))])
        with open_gallery(address) as reader:
            before = reader.search(QUERY, 5)
            server.stop() if how == "stopped" else server.kill()
            server.start()
            assert reader.search(QUERY, 5) == before
            with open_gallery(address) as another:
                assert another.search(QUERY, 5) == before

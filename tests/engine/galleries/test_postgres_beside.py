"""Decisions and jobs beside a gallery in PostgreSQL are those that a folder would have."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

pytest.importorskip("psycopg", reason="the extra postgres is not installed")
pytest.importorskip("fastapi", reason="the extra serve is not installed")

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.curation import Curation
from engine.decisions import CategoryDecision, Decision, MaskDecision, Undo
from engine.errors import GalleryError
from engine.galleries import open_gallery
from online.service.changes import Change
from online.service.jobs import JobTable
from tests.engine.made_decisions import IMAGES, decisions, mask
from tests.engine.made_descriptions import manifest
from tests.engine.test_curation import state, twin_state
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

_NUMBERS = count()
DELETE = Change(kind="delete", product="cream")


def made(server: PostgresServer) -> str:
    address = server.address(schema=f"beside_{next(_NUMBERS)}")
    open_gallery(address, manifest=manifest()).close()
    return address


@settings(max_examples=15)
@given(wanted=st.lists(decisions, max_size=8), undone=st.sets(st.integers(0, 7)))
def test_decisions_are_in_force_as_replaying_them_has_it(
    postgres: PostgresServer, wanted: list[Decision], undone: set[int]
) -> None:
    with Curation.open(made(postgres)) as curation:
        assert state(curation) == twin_state([])
        made_here = [curation.decide([one])[0] for one in wanted]
        for at in sorted(undone & set(range(len(made_here)))):
            curation.undo(made_here[at].id)
        log = list(curation.log())
        assert len(log) == len(wanted) + len(undone & set(range(len(made_here))))
        assert state(curation) == twin_state(log)


def test_what_was_decided_since_a_mark_is_found(postgres: PostgresServer) -> None:
    with Curation.open(made(postgres)) as curation:
        assert curation.since("", 10) == ([], "") and curation.latest() == ""
        curation.decide([MaskDecision(IMAGES[0], mask())], who="a key")
        found, mark = curation.since("", 10)
        assert found == [IMAGES[0]] and mark == curation.latest()
        (second,) = curation.decide([CategoryDecision(IMAGES[1], "jar")])
        assert curation.since(mark, 10)[0] == [IMAGES[1]]
        curation.undo(second.id)
        assert curation.about([second]) == [IMAGES[1]]
        assert curation.find(second.id) == second
        with pytest.raises(GalleryError):
            curation.decide([Undo("0" * 16)])


def test_decisions_of_a_folder_are_taken_over(postgres: PostgresServer, tmp_path: Path) -> None:
    with Curation.open(tmp_path) as before, Curation.open(made(postgres)) as after:
        before.decide([MaskDecision(IMAGES[0], mask()), CategoryDecision(IMAGES[1], "jar")])
        assert after.take(before.log()) == 2 and after.take(before.log()) == 0
        assert state(after) == state(before)


def test_nothing_is_decided_where_there_is_no_gallery(postgres: PostgresServer) -> None:
    with Curation.open(postgres.address(schema="none_here")) as curation:
        assert curation.counts() == {}
        with pytest.raises(GalleryError):
            curation.decide([CategoryDecision(IMAGES[1], "jar")])


@pytest.fixture
def table(postgres: PostgresServer) -> Iterator[JobTable]:
    table = JobTable(made(postgres))
    yield table
    table.close()


def test_jobs_are_begun_in_order_and_again_where_they_were_cut_off(table: JobTable) -> None:
    submitted = [table.submit(Change(kind="delete", product=str(at))) for at in range(3)]
    first = table.begin()
    again = table.begin()
    assert first is not None and again is not None
    assert (first.id, again.id, again.attempts) == (submitted[0].id, submitted[0].id, 2)
    table.progress(again, 1, 2)
    assert table.finish(again).state == "done"
    assert table.counts() == {"queued": 2, "running": 0, "done": 1, "failed": 0}
    assert table.waits("delete") and not table.waits("curate")
    assert [job.id for job in table.latest("queued", 9)] == [one.id for one in submitted[:0:-1]]


def test_uploads_of_jobs_that_wait_are_needed(table: JobTable) -> None:
    images = ("a" * 64, "b" * 64)
    table.submit(Change(kind="add", product="cream", images=images))
    assert table.needed() == {("cream", one) for one in images}


def test_all_who_send_one_key_at_a_time_get_one_job(postgres: PostgresServer) -> None:
    address = made(postgres)
    tables = [JobTable(address) for _ in range(4)]
    with ThreadPoolExecutor(8) as pool:
        keyed = pool.map(lambda at: tables[at % 4].submit(DELETE, idempotency="k").id, range(24))
        assert len(set(keyed)) == 1
    assert tables[0].unfinished() == 1
    for table in tables:
        table.close()

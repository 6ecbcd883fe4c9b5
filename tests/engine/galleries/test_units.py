"""The units of an ingest: each takes effect once, whatever its workers do. Also in SQLite, which is
quick and whose statements PostgreSQL shares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import pytest

from engine.galleries import open_gallery
from engine.galleries.tables import TableGallery
from engine.galleries.units import TABLE, TRIES, Described, Effect, Units
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

_NUMBERS = count()
NEW = (
    Described(entry("a"), described([1, 0]), None),
    Described(entry("b"), described([0, 1]), None),
)


@pytest.fixture(params=["folder", pytest.param("postgres", marks=pytest.mark.slow)])
def gallery(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[TableGallery]:
    address = str(tmp_path / "gallery")
    if request.param == "postgres":
        address = request.getfixturevalue("postgres").address(schema=f"units_{next(_NUMBERS)}")
    with open_gallery(address, manifest=manifest()) as gallery:
        assert isinstance(gallery, TableGallery)
        if request.param == "folder":
            with gallery._writing() as writing:
                writing.connection.execute(TABLE)
        yield gallery


@pytest.fixture
def units(gallery: TableGallery) -> Units:
    units = Units(gallery, "scan")
    units.begin(["first", "second"])
    return units


def kinds(effects: Sequence[Effect]) -> str:
    return " ".join(effect.kind for effect in effects)


def finish(units: Units, worker: str, images: Sequence[Described] = NEW, newest: int = 0) -> bool:
    return units.finish(0, worker, images, newest, kinds)


def uris(gallery: TableGallery) -> list[str]:
    return [source.uri for source in gallery.sources()]


def test_a_unit_is_taken_once_and_stored_as_it_is_done(gallery: TableGallery, units: Units) -> None:
    assert units.take(0, "one") == "first"
    assert units.take(0, "two") is None
    assert finish(units, "one")
    assert units.outcomes() == ["added added"]
    assert len(gallery) == 2 and gallery.check() == []
    assert not finish(units, "one")  # an answer that was lost on its way
    assert units.release(0, "its process ended") == "done"
    assert units.outcomes() == ["added added"]


def test_a_stale_worker_changes_nothing(gallery: TableGallery, units: Units) -> None:
    units.take(0, "slow")
    assert units.beat(0, "slow")
    assert units.release(0, "no sign of it") == "waiting"
    assert not units.beat(0, "slow")
    assert not finish(units, "slow")
    assert uris(gallery) == [] and units.outcomes() == []
    assert units.take(0, "fast") == "first"
    assert finish(units, "fast", NEW[:1])
    assert not finish(units, "slow")
    assert uris(gallery) == [NEW[0].entry.uri]


def test_a_new_scan_makes_the_units_of_before_void(gallery: TableGallery, units: Units) -> None:
    units.take(0, "one")
    finish(units, "one", NEW[:1])
    units.take(1, "two")
    later = Units(gallery, "later")
    assert later.begin(["other"]) == (2, 1)
    assert not units.finish(1, "two", NEW[1:], 0, kinds)
    assert len(uris(gallery)) == 1


def test_what_fails_while_it_is_stored_leaves_nothing(gallery: TableGallery, units: Units) -> None:
    units.take(0, "one")

    def fail(effects: Sequence[Effect]) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        units.finish(0, "one", NEW, 0, fail)
    assert uris(gallery) == []
    assert finish(units, "one")


def test_a_unit_is_tried_a_few_times(units: Units) -> None:
    for _ in range(TRIES - 1):
        units.take(0, "one")
        assert units.release(0, "out of memory") == "waiting"
    units.take(0, "one")
    assert units.release(0, "out of memory") == "failed"
    assert units.failed() == [("first", "out of memory")]
    assert units.take(0, "two") is None


def test_a_unit_that_was_not_begun_waits_on(units: Units) -> None:
    for _ in range(TRIES + 1):
        assert units.release(0, "its worker ended before it took it") == "waiting"


def test_a_unit_that_failed_is_parted(units: Units) -> None:
    units.take(0, "one")
    assert units.release(0, "out of memory", tries=1) == "failed"
    assert list(units.split(0, ["its first", "its second"])) == [2, 3]
    assert units.take(0, "one") is None
    assert [units.take(number, "one") for number in (1, 2, 3)] == [
        "second", "its first", "its second",
    ]  # fmt: skip


def test_beats_are_of_running_units(units: Units) -> None:
    units.take(1, "one")
    units.beat(1, "one")
    assert units.beats() == {1: 1}


def test_an_image_that_others_wrote_since_is_left(gallery: TableGallery, units: Units) -> None:
    newer = entry("a", sha256="newer content")
    gallery.add([newer], [described([2, 0])])
    units.take(0, "one")
    assert finish(units, "one", newest=100)
    assert units.outcomes() == ["overtaken added"]
    assert gallery.find(uri=newer.uri)[0].sha256 == "newer content"


def test_an_image_that_others_deleted_since_stays_deleted(
    gallery: TableGallery, units: Units
) -> None:
    (identity,) = gallery.add([entry("a", sha256="before")], [described([2, 0])])
    gallery.remove([identity])
    units.take(0, "one")
    changed = Described(entry("a"), described([1, 0]), (identity, "before", None))
    assert finish(units, "one", [changed], newest=identity)
    assert units.outcomes() == ["overtaken"] and uris(gallery) == []


def test_a_changed_image_keeps_its_id(gallery: TableGallery, units: Units) -> None:
    (identity,) = gallery.add([entry("a", sha256="before")], [described([2, 0])])
    units.take(0, "one")
    changed = Described(entry("a"), described([1, 0]), (identity, "before", None))
    assert finish(units, "one", [changed], newest=identity)
    assert units.outcomes() == ["updated"]
    (source,) = gallery.find(uri=changed.entry.uri)
    assert (source.id, source.sha256) == (identity, changed.entry.sha256)


def test_a_copy_of_another_unit_s_image_is_a_duplicate(gallery: TableGallery, units: Units) -> None:
    units.take(0, "one")
    finish(units, "one", NEW[:1])
    copy = Described(
        entry("copy", product="a", sha256=NEW[0].entry.sha256), described([1, 0]), None
    )
    units.take(1, "two")
    assert units.finish(1, "two", [copy], 0, lambda found: found[0].same_as)
    assert units.outcomes() == ["added", NEW[0].entry.uri]
    assert len(gallery) == 1


def test_ended_units_are_forgotten(gallery: TableGallery, units: Units) -> None:
    units.end()
    assert Units(gallery, "later").begin([]) == (0, 0)


@pytest.mark.slow
def test_of_workers_that_finish_at_once_one_has_the_unit(postgres: PostgresServer) -> None:
    """Each by a connection of its own, beside the gallery's writer."""
    from engine.galleries.postgres import PostgresGallery

    address = postgres.address(schema=f"units_{next(_NUMBERS)}")
    with open_gallery(address, manifest=manifest()) as writer:
        assert isinstance(writer, TableGallery)
        Units(writer, "scan").begin(["first"])
        others = [PostgresGallery.open_beside(address, "1") for _ in range(4)]
        workers = [Units(other, "scan") for other in others]
        with ThreadPoolExecutor(len(workers)) as threads:
            names = "abcd"
            taken = list(threads.map(lambda w, name: w.take(0, name), workers, names))
            assert sorted(map(str, taken)) == ["None", "None", "None", "first"]
            owner = names[taken.index("first")]
            done = list(threads.map(lambda w: finish(w, owner), workers))
        assert sorted(done) == [False, False, False, True]
        assert len(writer) == 2 and writer.check() == []
        for other in others:
            other.close()


@pytest.mark.slow
def test_workers_of_a_killed_writer_store_nothing_beside_the_next(postgres: PostgresServer) -> None:
    from engine.galleries.postgres import PostgresGallery

    address = postgres.address(schema=f"units_{next(_NUMBERS)}")
    with open_gallery(address, manifest=manifest()) as writer:
        assert isinstance(writer, TableGallery)
        Units(writer, "scan").begin(["first"])
        worker = PostgresGallery.open_beside(address, "1")
        Units(worker, "scan").take(0, "me")
    with worker, open_gallery(address, write=True) as later:
        assert not finish(Units(worker, "scan"), "me")
        assert len(later) == 0

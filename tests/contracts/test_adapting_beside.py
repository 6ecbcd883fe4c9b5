"""Searches beside a writer that adapts, and a writer that is killed while it does."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from engine.errors import LockedError
from engine.galleries import open_gallery
from engine.galleries.postgres import PostgresGallery
from engine.galleries.tables import TableGallery
from engine.protocols import Gallery, WritableGallery
from engine.retrieval import AdaptedNeighbours
from engine.types import Embedding
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest
from tests.watched_processes import wait

QUERY = Embedding(np.array([4, 2], np.float32))
MEANS = [(2.0, 1.0), (9.0, -3.0), (-4.0, 6.0), (0.5, 0.5)]
LOOP = """
import sys
from engine.galleries import open_gallery
from tests.engine.made_adaptations import adaptation
with open_gallery(sys.argv[1], write=True) as gallery:
    print("ready", flush=True)
    for number in range(10_000):
        gallery.adapt(adaptation(photo_mean=(number, 1), products=number))
"""


@pytest.fixture
def filled(address: str) -> str:
    with open_gallery(address, manifest=manifest()) as gallery:
        places = np.random.default_rng(0).normal(size=(60, 2)) * 5
        names = [entry(str(at), f"c{at % 3}") for at in range(len(places))]
        gallery.add(names, [described(place.tolist()) for place in places])
        gallery.build_indexes()
    return address


def answers(gallery: Gallery) -> tuple[int, ...]:
    with gallery.snapshot():
        return tuple(one.id for one in AdaptedNeighbours(gallery, "photo").search(QUERY, 99))


@contextmanager
def amid_the_switch(
    gallery: WritableGallery, monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]
) -> Iterator[None]:
    """``act`` is called when vectors are derived, before they are in use."""
    assert isinstance(gallery, TableGallery)
    derive = gallery._derive

    def acting(version: int | None) -> None:
        derive(version)
        patch.undo()
        act()

    with monkeypatch.context() as patch:
        patch.setattr(gallery, "_derive", acting)
        yield


def test_searches_beside_a_change_see_the_old_or_the_new_and_never_fail(filled: str) -> None:
    seen: set[tuple[int, ...]] = set()
    failures: list[Exception] = []
    end = threading.Event()

    def search() -> None:
        try:
            with open_gallery(filled) as reader:
                while not end.is_set():
                    seen.add(answers(reader))
        except Exception as error:
            failures.append(error)

    with open_gallery(filled, write=True) as gallery:
        expected = {answers(gallery)}
        threads = [threading.Thread(target=search) for _ in range(2)]
        for thread in threads:
            thread.start()
        for number in range(24):
            gallery.adapt(adaptation(photo_mean=MEANS[number % len(MEANS)]))
            expected.add(answers(gallery))
        end.set()
        for thread in threads:
            thread.join()
    assert failures == []
    assert len(expected) > 2 and seen <= expected


def test_what_is_derived_is_not_searched_before_it_is_in_use(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, ...]] = []
    with open_gallery(filled, write=True) as gallery, open_gallery(filled) as reader:
        for version in (None, adaptation(), adaptation(photo_mean=MEANS[1]), 1, None):
            before = answers(gallery)
            with amid_the_switch(gallery, monkeypatch, lambda: seen.append(answers(reader))):
                if version is None or isinstance(version, int):
                    gallery.adapt_by(version)
                else:
                    gallery.adapt(version)
            assert seen.pop() == before
            assert answers(reader) == answers(gallery)


def test_one_who_looks_meanwhile_goes_on_with_the_one_before(filled: str) -> None:
    with open_gallery(filled, write=True) as gallery, open_gallery(filled) as reader:
        for mean in MEANS:
            gallery.adapt(adaptation(photo_mean=mean))
        gallery.adapt_by(1)
        before = answers(gallery)
        with reader.snapshot():
            assert reader.adapted_by() == 1
            gallery.adapt_by(4)
            assert answers(reader) == before
        assert answers(reader) != before


@pytest.mark.parametrize("seed", range(1))
def test_a_killed_writer_leaves_one_adaptation_whole(filled: str, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", LOOP, filled], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(random.Random(seed).uniform(0.02, 0.3))
    process.kill()
    process.wait()
    process.stdout.close()
    assert wait(lambda: _is_free(filled))  # a server has noticed
    with open_gallery(filled, write=True) as gallery:
        assert gallery.check() == []
        version = gallery.adapted_by()
        assert version is None or version in gallery.adaptations()
        assert len(answers(gallery)) == 60
        gallery.adapt(adaptation())
        assert gallery.check() == []


def _is_free(address: str) -> bool:
    try:
        open_gallery(address, write=True).close()
    except LockedError:
        return False
    return True


@pytest.mark.parametrize("new_address", [pytest.param("postgres", marks=pytest.mark.slow)],
                         indirect=True)  # fmt: skip
def test_what_is_written_beside_the_writer_meanwhile_is_adapted(
    filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add() -> None:
        worker.add([entry("beside", "c1")], [described((4, 2), "c1")])

    worker = PostgresGallery.open_beside(filled, "1")
    thread = threading.Thread(target=add)

    def act() -> None:
        thread.start()
        thread.join(0.5)  # it may wait for the switch

    with worker, open_gallery(filled, write=True) as gallery:
        with amid_the_switch(gallery, monkeypatch, act):
            gallery.adapt(adaptation())
        thread.join()
        assert len(answers(gallery)) == 61
        assert gallery.check() == []

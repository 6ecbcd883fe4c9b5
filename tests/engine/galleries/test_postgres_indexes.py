"""A searcher of a gallery in PostgreSQL that keeps indexes of its own: in step, whole and few."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from engine.config import IndexKind
from engine.errors import GalleryError
from engine.galleries import _candidates, _shards, open_gallery
from engine.protocols import Gallery, WritableGallery
from engine.types import Embedding
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.slow

_NUMBERS = count()
CATEGORIES = ("jar", "tin")
QUERY = Embedding(np.array([2, 1], np.float32))


class Searched:
    """One gallery: its writer, one that searches in the server and one by files."""

    def __init__(self, server: PostgresServer, folder: Path, opened: ExitStack) -> None:
        self.schema = f"indexed_{next(_NUMBERS)}"
        self.address = server.address(schema=self.schema)
        self.folder = folder
        self.by_files = f"{self.address}&indexes={folder}"
        self.writer: WritableGallery = opened.enter_context(
            open_gallery(self.address, manifest=manifest())
        )
        self.add(0, 40)
        self.server: Gallery = opened.enter_context(open_gallery(self.address))
        self.reader: Gallery = opened.enter_context(open_gallery(self.by_files))

    def add(self, first: int, images: int) -> list[int]:
        places = range(first, first + images)
        return self.writer.add(
            [entry(f"i{place}", CATEGORIES[place % 2]) for place in places],
            [described((place % 7, place % 5), CATEGORIES[place % 2]) for place in places],
        )

    def agree(self, reader: Gallery | None = None) -> None:
        """At several queries, with all images among the found."""
        fitted = self.server.adaptation()
        for number in range(3):
            numbers = np.arange(2 if fitted is None else fitted.dimension, dtype=np.float32)
            query = Embedding(numbers * number)
            for k in (3, 500):
                expected = self.server.search(query, k)
                assert (reader or self.reader).search(query, k) == expected

    def files(self) -> list[Path]:
        return sorted(self.folder.glob("*/indexes/*"))


@pytest.fixture
def searched(postgres: PostgresServer, tmp_path: Path) -> Iterator[Searched]:
    with ExitStack() as opened:
        yield Searched(postgres, tmp_path / "indexes", opened)


def test_it_stays_in_step_with_whatever_is_written(searched: Searched) -> None:
    searched.agree()
    assert len(searched.files()) == 2
    storage = searched.reader.storage()
    assert storage.indexes == sum(path.stat().st_size for path in searched.files())
    assert storage.tables > 100_000 and storage.partitions == 2 and storage.behind is None
    assert searched.server.storage().indexes == 0
    ids = searched.add(40, 8)
    searched.agree()
    searched.writer.remove(ids[:3])
    searched.agree()
    searched.writer.withdraw(ids[3:5])
    searched.agree()
    searched.writer.restore(ids[3:5])
    searched.writer.amend({ids[5]: entry("i45", "new category")})
    searched.agree()
    assert len(searched.files()) == 3
    searched.writer.adapt(adaptation())
    searched.agree()
    searched.writer.adapt_by(None)
    searched.agree()
    searched.writer.rebuild()
    searched.agree()
    with open_gallery(searched.by_files) as another:
        searched.agree(another)
        assert another.check() == []


def test_files_of_the_past_are_deleted(searched: Searched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_shards, "FEW", 4)
    searched.agree()
    searched.writer.adapt(adaptation())
    searched.agree()
    searched.writer.rebuild()
    searched.agree()
    before = searched.files()
    assert len(before) == 2
    searched.add(100, 20)
    searched.agree()
    after = searched.files()
    assert len(after) == 2 and not set(before) & set(after), "merged: many had changed"


def test_those_of_a_generation_that_was_deleted_are_deleted(searched: Searched) -> None:
    searched.agree()
    old = searched.folder / f"{searched.schema}_7"
    mine = searched.folder / f"{searched.schema}_notes"
    old.mkdir()
    mine.mkdir()
    searched.writer.rebuild()
    searched.agree()
    assert not old.exists() and mine.exists()


@pytest.mark.parametrize("damage", ["deleted", "cut", "emptied", "folder deleted"])
def test_a_file_that_was_damaged_is_derived_anew(searched: Searched, damage: str) -> None:
    searched.agree()
    for path in searched.files():
        content = path.read_bytes()
        path.unlink()
        if damage in ("cut", "emptied"):
            path.write_bytes(content[: len(content) // 2 if damage == "cut" else 0])
    if damage == "folder deleted":
        (searched.folder / f"{searched.schema}_1" / "indexes").rmdir()
        (searched.folder / f"{searched.schema}_1").rmdir()
    searched.agree()
    searched.add(40, 3)
    searched.agree()
    with open_gallery(searched.by_files) as another:
        searched.agree(another)
        assert another.check() == []


def test_a_file_with_other_vectors_is_a_fault_that_a_rebuild_mends(searched: Searched) -> None:
    searched.agree()
    path = searched.files()[0]
    content = bytearray(path.read_bytes())
    content[200] ^= 64
    path.unlink()
    path.write_bytes(content)
    with open_gallery(searched.by_files) as another:
        assert any("rebuild" in fault for fault in another.check())
        searched.writer.rebuild()
        assert another.check() == []
        searched.agree(another)


def test_an_ingest_searches_by_them_as_of_one_moment(searched: Searched) -> None:
    searched.writer.close()
    with open_gallery(searched.by_files, write=True) as searched.writer:
        searched.agree(searched.writer)
        assert len(searched.files()) == 2
        searched.add(40, 8)
        searched.agree(searched.writer)  # what was just written
        before = searched.writer.search(QUERY, 500)
        with searched.writer.searching_as_now():
            for turn in range(3):
                (*_, last) = searched.add(50 + 8 * turn, 8)
                searched.writer.remove([last])
                assert searched.writer.search(QUERY, 500) == before
                assert searched.writer.search(QUERY, 500, ["tin"], labelled_only=True) == [
                    one for one in before if one.category == "tin"
                ]
        searched.agree(searched.writer)
        searched.agree()
        assert searched.writer.check() == []


def test_no_index_is_derived_of_what_was_not_there_yet(
    searched: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shards, "FEW", 4)
    searched.writer.close()
    with open_gallery(searched.by_files, write=True) as searched.writer:
        with searched.writer.searching_as_now():
            before = searched.server.search(QUERY, 500)
            searched.add(100, 60)  # so many that the log does not lead back
            assert searched.writer.search(QUERY, 500) == before
        searched.agree(searched.writer)
        with open_gallery(searched.by_files) as another:
            searched.agree(another)
            assert another.check() == []


@pytest.mark.parametrize("index", ["sq8", "hnsw"])
def test_codes_are_searched_where_graphs_are_wanted(
    searched: Searched, monkeypatch: pytest.MonkeyPatch, index: IndexKind
) -> None:
    monkeypatch.setattr(_candidates, "LEAST", 10)
    searched.reader.search_by(index, 1)
    searched.agree()
    assert searched.reader.storage().searched == "sq8"
    assert {path.suffix for path in searched.files()} == {".faiss", ".sq8"}
    searched.add(40, 8)
    searched.agree()
    searched.server.search_by(index, 1)
    assert searched.server.storage().searched == "exact"  # no graphs were built


def test_a_folder_that_cannot_be_made_is_named(searched: Searched, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(GalleryError, match="file"):
        open_gallery(f"{searched.address}&indexes={tmp_path / 'file'}")


def test_several_search_while_images_come_and_go(searched: Searched) -> None:
    done = threading.Event()
    faults: list[BaseException] = []

    def search() -> None:
        try:
            with open_gallery(searched.by_files) as reader:
                while not done.is_set():
                    with reader.snapshot():
                        found = reader.search(Embedding(np.ones(2, np.float32)), 500)
                        ids = [one.id for one in found]
                        assert sorted(ids) == sorted(s.id for s in reader.sources())
                        reader.records(ids[:5])
        except BaseException as error:
            faults.append(error)

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(15):
            ids = searched.add(100 + 10 * turn, 10)
            searched.writer.remove(ids[::2])
            if turn == 7:
                searched.writer.rebuild()
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert faults == []
    searched.agree()

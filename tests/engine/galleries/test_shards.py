"""Indexes that are brought up to date: what changed is read, and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.distances import METRICS, distances
from engine.galleries import _candidates, _faiss_indexes, _ranking, _schema, _shards
from engine.galleries.local import LocalGallery
from engine.types import Embedding
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry, manifest

CATEGORIES = ("jar", "stick")
KINDS = (
    *("put", "put", "put", "remove", "relabel", "predict"),
    *("build", "reopen", "withdraw", "restore"),
)
CHANGES = st.tuples(
    st.sampled_from(KINDS),
    st.integers(0, 11),  # of which image
    st.integers(0, 5),  # to which vector
)


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Four changes are more than a few, and one image has a code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_shards, "FEW", 3)
        patch.setattr(_candidates, "LEAST", 1)
        patch.setattr(_ranking, "FOUND_FRACTION", 1.0)
        yield


def point(number: int) -> tuple[float, float]:
    return (float(number % 3), float(number))


class Twin:
    """What a gallery holds, searched one by one."""

    def __init__(self) -> None:
        self.held: dict[str, tuple[str, tuple[float, float]]] = {}

    def nearest(self, x: float, categories: list[str] | None, metric: str, ids: dict[str, int]):  # type: ignore[no-untyped-def]
        found = []
        for uri, (category, vector) in self.held.items():
            if categories is None or category in categories:
                rows = np.array([vector], np.float32)
                query = np.array([[x, 1]], np.float32)
                found.append((float(distances(query, rows, metric)[0, 0]), ids[uri]))  # type: ignore[arg-type]
        return [identity for _, identity in sorted(found)]


@settings(deadline=None, max_examples=60)
@given(changes=st.lists(CHANGES, min_size=1, max_size=40))
def test_whatever_changes_is_found_as_it_is_now(
    changes: list[tuple[str, int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("g") / "g"
    gallery, twin = LocalGallery.create(folder, manifest()), Twin()
    reader = LocalGallery.open(folder)
    reader.search_by("sq8", 1)
    withdrawn: dict[str, tuple[str, tuple[float, float]]] = {}
    for number, (kind, which, where) in enumerate(changes):
        uri = f"/pictures/{which}.jpg"
        category = CATEGORIES[where % 2]
        if kind in ("put", "predict"):
            label = category if kind == "put" else None
            made = described(point(where), category)
            gallery.add([entry(str(which), label)], [made])
            twin.held[uri] = (category, point(where))
            withdrawn.pop(uri, None)
        elif kind == "remove":
            gallery.remove([one.id for one in gallery.find(uri=uri)])
            twin.held.pop(uri, None)
        elif kind == "withdraw" and uri in twin.held:
            gallery.withdraw([one.id for one in gallery.find(uri=uri)])
            withdrawn[uri] = twin.held.pop(uri)
        elif kind == "restore" and uri in withdrawn and uri not in twin.held:
            gallery.restore([one.id for one in gallery.withdrawn() if one.uri == uri])
            twin.held[uri] = withdrawn.pop(uri)
        elif kind == "relabel" and uri in twin.held:
            (source,) = gallery.find(uri=uri)
            gallery.amend({source.id: entry(str(which), category)})
            twin.held[uri] = (category, twin.held[uri][1])
        elif kind == "build":
            gallery.build_indexes()
        elif kind == "reopen":
            gallery.close()
            gallery = LocalGallery.open(folder, write=True)
        for searched in (gallery, reader):
            ids = {source.uri: source.id for source in searched.sources()}
            assert len(searched) == len(twin.held)
            counts = dict.fromkeys(CATEGORIES, 0)
            for category, _ in twin.held.values():
                counts[category] += 1
            assert searched.categories() == {name: n for name, n in counts.items() if n}
            for metric in METRICS[: 1 + 2 * (number % 4 == 0)]:
                for wanted in (None, ["jar"]):
                    query = Embedding(np.array([0.7, 1], np.float32))
                    for k in (1, 3, 20):
                        found = searched.search(query, k, wanted, metric=metric)
                        expected = twin.nearest(0.7, wanted, metric, ids)
                        assert [n.id for n in found] == expected[:k]
    assert gallery.check() == []
    reader.close()
    gallery.close()


def indexes(folder: Path) -> set[str]:
    return {path.name for path in (folder / "indexes").iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery of 200 images of one category, with its index written."""
    with LocalGallery.create(tmp_path / "g", manifest()) as gallery:
        gallery.add(
            [entry(str(i), "jar") for i in range(200)], [described((i, 1)) for i in range(200)]
        )
        gallery.build_indexes()
    return tmp_path / "g"


def nearest(gallery: LocalGallery, x: float) -> str:
    (found,) = gallery.search(Embedding(np.array([x, 1], np.float32)), 1)
    return gallery.records([found.id])[0].product_id


def test_a_few_changes_leave_the_index_file_as_it_is(folder: Path) -> None:
    before = indexes(folder)
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("new", "jar")], [described((7.1, 1))])
        gallery.build_indexes()
        assert nearest(gallery, 7.2) == "new"
    assert indexes(folder) == before
    with LocalGallery.open(folder) as gallery:
        assert nearest(gallery, 7.2) == "new"
        assert gallery.check() == []


def test_many_changes_are_written_as_a_new_index(folder: Path) -> None:
    before = indexes(folder)
    with LocalGallery.open(folder, write=True) as gallery:
        for number in range(10):
            gallery.add([entry(f"new{number}", "jar")], [described((number + 0.1, 1))])
        gallery.build_indexes()
        assert nearest(gallery, 7.2) == "new7"
    assert len(indexes(folder)) == 1
    assert indexes(folder).isdisjoint(before)


def test_only_what_changed_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int | None] = []
    real = _faiss_indexes.shard_vectors

    def counted(*args):  # type: ignore[no-untyped-def]
        read.append(None if args[5] is None else len(args[5]))
        return real(*args)

    monkeypatch.setattr(_faiss_indexes, "shard_vectors", counted)
    with LocalGallery.open(folder, write=True) as gallery, LocalGallery.open(folder) as reader:
        for number in range(3):
            gallery.add([entry(f"new{number}", "jar")], [described((number + 0.1, 1))])
            assert nearest(reader, number + 0.2) == f"new{number}"
    assert read == [1, 1, 1]


@pytest.mark.parametrize("threads", [2, 5])
def test_vectors_are_adapted_alike_on_any_number_of_threads(
    folder: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(_faiss_indexes, "_BLOCK", 7)
    with LocalGallery.open(folder) as gallery, gallery.snapshot():
        made, (shard, *_) = adaptation(photo_mean=(0.3, -7)), gallery._shards()

        def read(threads: int) -> list[tuple[list[int], bytes]]:
            blocks = _faiss_indexes.shard_vectors(
                gallery._connection, shard, 2, adaptation=made, threads=threads
            )
            return [(ids.tolist(), vectors.tobytes()) for ids, vectors in blocks]

        assert read(threads) == read(1)
        assert len(read(1)) > 3


def test_the_log_is_bounded(folder: Path) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        for number in range(100):
            gallery.add([entry("new", "jar")], [described((number, 2))])
    connection = sqlite3.connect(folder / "gallery.sqlite")
    (rows,) = connection.execute("SELECT count(*) FROM shard_changes").fetchone()
    connection.close()
    assert rows <= _shards.LOGGED * _shards.few(201) + 1
    with LocalGallery.open(folder) as gallery:  # its index lies too far back
        assert nearest(gallery, 60) == "60"
        assert gallery.check() == []


def test_files_are_swept_up_without_a_walk_through_the_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_shards, "FEW", 1000)
    statements: list[str] = []
    with LocalGallery.open(folder, write=True) as gallery:
        for number in range(100):
            gallery.add([entry("new", "jar")], [described((number, 2))])
        gallery.search(Embedding(np.array([1, 1], np.float32)), 1)  # brings the index up to date
        before = indexes(folder)
        gallery._connection.set_trace_callback(statements.append)
        gallery.build_indexes()
    assert indexes(folder) == before
    assert len(statements) < 30


def test_a_gallery_without_a_log_is_read_and_gets_one(folder: Path) -> None:
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    connection.execute("DROP TABLE shard_changes")
    connection.execute("ALTER TABLE shards DROP COLUMN images")
    connection.execute(f"PRAGMA user_version = {_schema.MIGRATIONS.index(_schema._log_shards)}")
    connection.close()
    before = indexes(folder)
    with LocalGallery.open(folder) as gallery:
        assert nearest(gallery, 60) == "60"
        assert (len(gallery), dict(gallery.categories())) == (200, {"jar": 200})
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("new", "jar")], [described((7.1, 1))])
        assert nearest(gallery, 7.2) == "new"
        assert len(gallery) == 201
        assert gallery.check() == []
    assert indexes(folder) == before


def test_what_an_older_packsight_wrote_is_counted_and_found(folder: Path) -> None:
    """It gives the shard a new token, and no row of the log leads back from it."""
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.add([entry("new", "jar")], [described((7.1, 1))])
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    connection.execute("DELETE FROM descriptions WHERE id = 8")
    connection.execute("DELETE FROM images WHERE id = 8")
    connection.execute(
        "INSERT OR REPLACE INTO shards (category, labelled, token) VALUES ('jar', 1, 'other')"
    )
    connection.close()
    with LocalGallery.open(folder, write=True) as gallery:
        assert nearest(gallery, 6.9) == "new"
        assert len(gallery) == 200
        gallery.add([entry("newer", "jar")], [described((6.8, 1))])
        assert nearest(gallery, 6.8) == "newer"
        assert len(gallery) == 201
        assert gallery.check() == []


def test_a_count_that_is_not_true_is_found_and_mended(folder: Path) -> None:
    connection = sqlite3.connect(folder / "gallery.sqlite", isolation_level=None)
    connection.execute("UPDATE shards SET images = 7")
    connection.close()
    with LocalGallery.open(folder, write=True) as gallery:
        assert "200 images are counted as 7" in " ".join(gallery.check())
        gallery.rebuild()
        assert (gallery.check(), len(gallery)) == ([], 200)


def test_an_adaptation_compares_what_changed_since_as_well(folder: Path) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        gallery.adapt(adaptation())
        gallery.add([entry("new", "jar")], [described((7.1, 1))])
        with LocalGallery.open(folder) as reader:
            assert reader.check() == gallery.check() == []
        gallery.adapt_by(None)
        assert nearest(gallery, 7.2) == "new"
        assert gallery.check() == []

"""Codes and graphs: codes change no answer, graphs few, and neither is needed."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import faiss
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import IndexKind
from engine.distances import METRICS, Metric, unit_or_zero
from engine.galleries import _candidates, _ranking, _shards
from engine.galleries._candidates import derived
from engine.galleries._ranking import Rows, rank
from engine.galleries.local import LocalGallery
from engine.types import Embedding, FloatArray, IntArray
from tests.engine.made_descriptions import described, entry, manifest

DIMENSION = 8


@pytest.fixture(autouse=True)
def small() -> Iterator[None]:
    """Few vectors are many, and a part of them is worth a thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_candidates, "LEAST", 1)
        patch.setattr(_ranking, "FOUND_FRACTION", 1.0)
        patch.setattr(_ranking, "SHARED_BYTES", 0)
        patch.setattr(_ranking, "PART_BYTES", 500)
        patch.setattr(_shards, "FEW", 3)
        yield


def rows_of(ids: IntArray, vectors: FloatArray, metric: Metric, kind: IndexKind) -> Rows:
    flat = faiss.IndexFlatL2 if metric == "euclidean" else faiss.IndexFlatIP
    base = faiss.IndexIDMap(flat(vectors.shape[1]))
    base.add_with_ids(vectors, ids)
    rows_of.kept.append(base)  # type: ignore[attr-defined]
    found = (
        None if kind == "exact" else derived(base, Path(os.devnull, "index.faiss"), kind, metric)
    )
    return Rows(ids, _candidates.vectors_of(base), candidates=found)


rows_of.kept = []  # type: ignore[attr-defined]

numbers = st.sampled_from([-3.0, -1.0, 0.0, 1e-3, 0.1, 1.0, 1.1, 50.0])
vectors_drawn = st.lists(st.tuples(*[numbers] * 3), min_size=1, max_size=60)


@pytest.mark.parametrize("metric", METRICS)
@settings(deadline=None, max_examples=40)
@given(
    drawn=vectors_drawn,
    repeated=st.integers(1, 4),
    at=st.tuples(*[numbers] * 3),
    k=st.integers(1, 70),
    without=st.sets(st.integers(0, 60), max_size=10),
    among=st.none() | st.lists(st.integers(0, 200), unique=True),
    threads=st.integers(1, 3),
)
def test_codes_find_what_the_vectors_find_ties_included(
    metric: Metric,
    drawn: list[tuple[float, float, float]],
    repeated: int,
    at: tuple[float, float, float],
    k: int,
    without: set[int],
    among: list[int] | None,
    threads: int,
) -> None:
    vectors = np.tile(np.array(drawn, np.float32), (repeated, 1))
    query = np.array([at], np.float32)
    if metric == "cosine":
        vectors, query = unit_or_zero(vectors), unit_or_zero(query)
    ids = np.random.default_rng(len(vectors)).permutation(len(vectors)).astype(np.int64)
    chosen = None if among is None else np.array(sorted(among), np.int64)
    found = []
    for kind, shared in (("exact", 1), ("sq8", 1), ("sq8", threads), ("exact", threads)):
        rows = rows_of(ids, vectors, metric, kind)  # type: ignore[arg-type]
        (ranking,) = rank(
            [[Rows(rows.ids, rows.vectors, without=without, candidates=rows.candidates)]],
            query,
            k,
            metric,
            chosen,
            shared,
        )
        found.append((ranking.distances[:k].tolist(), ranking.ids[:k].tolist()))
    assert found[0] == found[1] == found[2] == found[3]
    held = [one for one in ids.tolist() if one not in without and (among is None or one in among)]
    assert len(found[0][1]) == min(k, len(held))
    place = {identity: row for row, identity in enumerate(ids.tolist())}
    order = sorted(held, key=lambda one: (plain(query[0], vectors[place[one]], metric), one))
    slack = 1e-4 * (1 + np.abs(vectors).max() * np.abs(query).max())
    expected = [plain(query[0], vectors[place[one]], metric) for one in order[:k]]
    np.testing.assert_allclose(found[0][0], expected, atol=slack)


def plain(query: FloatArray, vector: FloatArray, metric: Metric) -> float:
    one, other = query.astype(float), vector.astype(float)
    if metric == "euclidean":
        return float(np.sqrt(((one - other) ** 2).sum()))
    return float((1 if metric == "cosine" else 0) - one @ other)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_codes_find_what_the_vectors_find_among_many(metric: Metric) -> None:
    random = np.random.default_rng(5)
    centres = random.normal(size=(40, 33))
    vectors = (centres[random.integers(0, 40, 2000)] + 0.3 * random.normal(size=(2000, 33))).astype(
        np.float32
    )
    vectors[100:120] = vectors[7]
    queries = (centres[:10] + 0.3 * random.normal(size=(10, 33))).astype(np.float32)
    queries[3] = vectors[7]
    if metric == "cosine":
        vectors, queries = unit_or_zero(vectors), unit_or_zero(queries)
    ids = np.arange(2000)
    exact, codes = (rows_of(ids, vectors, metric, kind) for kind in ("exact", "sq8"))
    for query in queries:
        for k in (1, 13, 300):
            (one,), (other,) = (rank([[rows]], query[None], k, metric) for rows in (exact, codes))
            np.testing.assert_array_equal(one.ids[:k], other.ids[:k])
            np.testing.assert_array_equal(one.distances[:k], other.distances[:k])


def test_of_what_lies_far_apart_few_vectors_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    vectors = np.random.default_rng(1).normal(size=(20_000, 16)).astype(np.float32)
    monkeypatch.setattr(_ranking, "PART_BYTES", 100_000)
    rows = rows_of(np.arange(20_000), vectors, "euclidean", "sq8")
    scanned: list[int] = []
    real = _ranking._scanned

    def counted(*args):  # type: ignore[no-untyped-def]
        scanned.append(len(args[1]))
        return real(*args)

    monkeypatch.setattr(_ranking, "_scanned", counted)
    rank([[rows]], vectors[:1], 10, "euclidean")
    assert 0 < sum(scanned) < 5000


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A gallery of 300 images of one category, with its index written."""
    with LocalGallery.create(tmp_path / "g", manifest(DIMENSION)) as gallery:
        gallery.add(
            [entry(str(i), "jar") for i in range(300)], [described(at(i)) for i in range(300)]
        )
        gallery.build_indexes()
    return tmp_path / "g"


def at(number: int) -> list[float]:
    return np.random.default_rng(number).normal(size=DIMENSION).tolist()


def nearest(gallery: LocalGallery, k: int = 5) -> list[tuple[int, float]]:
    query = Embedding(np.array(at(7), np.float32))
    return [(one.id, one.distance) for one in gallery.search(query, k)]


def files(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "indexes").glob(f"*.{kind}"))


def test_codes_are_derived_by_a_reader_and_kept_by_a_writer(folder: Path) -> None:
    with LocalGallery.open(folder) as reader:
        exact = nearest(reader)
        assert files(folder, "sq8") == []
        reader.search_by("sq8", 2)
        assert nearest(reader) == exact
        assert len(files(folder, "sq8")) == 1
        with LocalGallery.open(folder, write=True) as writer:
            for number in range(10):
                writer.add([entry(f"new{number}", "jar")], [described(at(7))])
            writer.build_indexes()  # codes are there, so they are kept up to date
            assert len(files(folder, "sq8")) == len(files(folder, "faiss")) == 1
            assert files(folder, "sq8")[0].stem == files(folder, "faiss")[0].stem
            assert nearest(reader, 20) == nearest(writer, 20)
            assert [identity for identity, _ in nearest(reader, 11)] == [8, *range(301, 311)]
            assert writer.check() == []


def test_the_settings_of_a_gallery_choose_its_index(tmp_path: Path) -> None:
    made = replace(manifest(DIMENSION), settings={"search": {"index": "sq8"}})
    with LocalGallery.create(tmp_path / "g", made) as gallery:
        gallery.add(
            [entry(str(i), "jar") for i in range(30)], [described(at(i)) for i in range(30)]
        )
        gallery.build_indexes()
        assert len(files(tmp_path / "g", "sq8")) == 1
        assert nearest(gallery)[0] == (8, 0.0)


@pytest.mark.parametrize("damage", ["truncated", "garbage", "header", "of other vectors"])
@pytest.mark.parametrize("kind", ["sq8", "hnsw"])
def test_a_damaged_file_changes_no_answer(folder: Path, damage: str, kind: IndexKind) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        exact = nearest(gallery)
        gallery.search_by(kind, 1)
        gallery.build_indexes()
    (path,) = files(folder, kind)
    data = bytearray(path.read_bytes())
    if damage == "header":
        data[20] ^= 0x40
    elif damage == "garbage":
        data = bytearray(b"IxSQ" + b"\x07" * 999)
    elif damage == "truncated":
        del data[len(data) // 2 :]
    else:
        (flat,) = files(folder, "faiss")
        other = faiss.read_index(str(flat))
        vectors = _candidates.vectors_of(other)[::-1].copy()
        turned = faiss.IndexIDMap(faiss.IndexFlatL2(DIMENSION))
        turned.add_with_ids(vectors, np.arange(300))
        faiss.write_index(_candidates.made(turned, kind), str(path))
        data = bytearray(path.read_bytes())
    path.write_bytes(data)
    with LocalGallery.open(folder, write=True) as gallery:
        faults = " ".join(gallery.check())
        assert damage == "header" or "is damaged (packsight gallery rebuild)" in faults
        gallery.search_by(kind, 1)
        assert nearest(gallery) == exact
        gallery.build_indexes()
        assert nearest(gallery) == exact
        assert gallery.check() == []


@pytest.mark.parametrize("value", [2**31 - 1, -7])
def test_a_graph_that_leads_out_of_its_file_is_not_searched(folder: Path, value: int) -> None:
    with LocalGallery.open(folder, write=True) as gallery:
        exact = nearest(gallery)
        gallery.search_by("hnsw", 1)
        gallery.build_indexes()
    (path,) = files(folder, "hnsw")
    graph = faiss.read_index(str(path))
    links = faiss.vector_to_array(graph.hnsw.neighbors)
    data = path.read_bytes()
    place = data.index(links.tobytes())
    damaged = np.array([value], "<i4").tobytes()
    path.write_bytes(data[:place] + damaged + data[place + 4 :])
    with LocalGallery.open(folder) as gallery:
        gallery.search_by("hnsw", 1)
        assert nearest(gallery) == exact


def test_codes_that_are_off_are_found(folder: Path) -> None:
    with LocalGallery.open(folder) as gallery:
        gallery.search_by("sq8", 1)
        nearest(gallery)
    (path,) = files(folder, "sq8")
    data = bytearray(path.read_bytes())
    place = len(data) - 200 * DIMENSION  # of an image that is in no sample
    data[place : place + DIMENSION] = bytes(
        value ^ 0x80 for value in data[place : place + DIMENSION]
    )
    path.write_bytes(data)
    with LocalGallery.open(folder, write=True) as gallery:
        assert "sq8 is damaged (packsight gallery rebuild)" in " ".join(gallery.check())
        gallery.rebuild()
        assert gallery.check() == []


def test_codes_that_cannot_be_written_are_kept_in_memory(folder: Path) -> None:
    for path in (folder / "indexes").iterdir():
        path.unlink()
    (folder / "indexes").rmdir()
    (folder / "indexes").write_text("a file where the folder should be")
    with LocalGallery.open(folder) as gallery:
        exact = nearest(gallery)
        gallery.search_by("sq8", 1)
        assert nearest(gallery) == exact


def test_a_reader_without_graphs_searches_exactly_and_notes_it_once(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with LocalGallery.open(folder) as gallery, caplog.at_level(logging.WARNING):
        exact = nearest(gallery)
        gallery.search_by("hnsw", 1)
        assert nearest(gallery) == exact
        gallery.search(Embedding(np.array(at(9), np.float32)), 3)
    assert files(folder, "hnsw") == []
    assert len([one for one in caplog.records if "search.index=hnsw" in one.message]) == 1


def test_where_a_graph_finds_too_little_codes_are_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_candidates, "RECALL", 1.1)
    with LocalGallery.open(folder, write=True) as gallery:
        exact = nearest(gallery)
        gallery.search_by("hnsw", 1)
        gallery.build_indexes()
        assert nearest(gallery) == exact
        assert gallery.check() == []
    (path,) = files(folder, "hnsw")
    assert not isinstance(faiss.read_index(str(path)), faiss.IndexHNSW)


@pytest.mark.slow
@pytest.mark.parametrize("metric", METRICS)
def test_graphs_find_nearly_all(tmp_path: Path, metric: Metric) -> None:
    vectors = np.random.default_rng(2).normal(size=(2000, DIMENSION)).astype(np.float32)
    with LocalGallery.create(tmp_path / "g", manifest(DIMENSION)) as gallery:
        gallery.add(
            [entry(str(i), "jar") for i in range(2000)],
            [described(vector.tolist()) for vector in vectors],
        )
        gallery.search(Embedding(vectors[0]), 1, metric=metric)
        queries = [Embedding(vector + np.float32(0.1)) for vector in vectors[:20]]
        exact = [gallery.search(query, 50, metric=metric) for query in queries]
        gallery.search_by("hnsw", 1)
        gallery.build_indexes()
        assert len(files(tmp_path / "g", "hnsw")) == 1 + (metric == "cosine")
        found = [gallery.search(query, 50, metric=metric) for query in queries]
        recall = [
            len({one.id for one in one} & {one.id for one in other}) / 50
            for one, other in zip(exact, found, strict=True)
        ]
        assert np.mean(recall) >= 0.999
        for one, other in zip(exact, found, strict=True):  # and all by their own distances
            known = {near.id: near.distance for near in one}
            assert all(known.get(near.id, near.distance) == near.distance for near in other)
        some = np.arange(1, 2001, 7)
        for query in queries:
            chosen = gallery.search(query, 50, metric=metric, among=some)
            gallery.search_by("exact", 1)
            assert gallery.search(query, 50, metric=metric, among=some) == chosen
            gallery.search_by("hnsw", 1)
        gallery.remove([near.id for near in found[0]])
        gone = {near.id for near in found[0]}
        assert not gone & {near.id for near in gallery.search(queries[0], 50, metric=metric)}
        assert len(gallery.search(queries[0], 50, metric=metric)) == 50


def test_codes_have_no_more_parts_than_threads() -> None:
    """FAISS goes through all of them for each part."""
    random = np.random.default_rng(0)
    vectors = random.normal(size=(2000, DIMENSION)).astype(np.float32)
    codes = rows_of(np.arange(2000), vectors, "euclidean", "sq8")
    exact = rows_of(np.arange(2000), vectors, "euclidean", "exact")
    assert [len(codes.parts(threads)) for threads in (1, 2, 5)] == [1, 2, 5]
    assert len(exact.parts(1)) > 5
    found = [rank([[codes]], vectors[:1], 10, "euclidean", threads=one)[0] for one in (1, 2, 5)]
    assert len({one.ids[:10].tobytes() for one in found}) == 1

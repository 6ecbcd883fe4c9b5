"""Both sides of a task described and searched as serving does it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.describe import Described
from engine.errors import ConfigError
from engine.galleries.local import LocalGallery
from engine.galleries.manifest import Manifest
from engine.search import Searcher
from engine.types import CategoryScores, Cutout, Entry, FloatArray, Hit
from offline.datasets import RetrievalTask, open_dataset
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.evidence import Evidence
from offline.evaluate.gathering import gather
from offline.store.descriptions import DescriptionCache, Wanted
from offline.store.images import hash_pictures
from stages.assemble import assemble
from tests.drawn_catalogue import write_catalogue
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.made_evidence import Made, made_evidence, scores


@pytest.fixture
def task(tmp_path: Path) -> RetrievalTask:
    """18 photos of 9 products in three categories, each asked of all others."""
    write_catalogue(tmp_path / "data", products=3)
    return open_dataset(tmp_path / "data").retrieval("product")


def found(evidence: Evidence, query: int, **how: int) -> list[int]:
    return [hit.record.id for hit in evidence.candidates(query, **how)]  # type: ignore[arg-type]


def test_a_query_is_described_without_its_label_and_the_gallery_with_it(
    task: RetrievalTask, tmp_path: Path
) -> None:
    evidence = gather(task, quick_settings(), tmp_path / "cache")
    assert all(record.labelled for record in evidence.gallery)
    assert [r.description.scores.top for r in evidence.gallery] == [
        picture.category for picture in task.gallery
    ]
    assert any(max(query.scores.probabilities) < 1 for query in evidence.queries)


def test_a_vote_never_sees_the_query_s_own_picture(task: RetrievalTask, tmp_path: Path) -> None:
    """An exact match would take the whole vote (distance 0): here every query is in the gallery,
    and its nearest neighbour but itself decides."""
    evidence = gather(task, quick_settings("classify.k=1"), tmp_path / "cache")
    for at, query in enumerate(evidence.queries):
        others = [r for r in evidence.gallery if r.id != at]
        vector = query.embedding.vector
        away = [np.linalg.norm(r.description.embedding.vector - vector) for r in others]
        assert query.scores.top == others[int(np.argmin(away))].category


def test_the_second_time_nothing_is_described(
    task: RetrievalTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = gather(task, quick_settings(), tmp_path / "cache")
    told: list[int] = []
    again = gather(task, quick_settings(), tmp_path / "cache", lambda done, _: told.append(done))
    assert told == []
    for one, other in zip(first.queries, again.queries, strict=True):
        np.testing.assert_array_equal(one.embedding.vector, other.embedding.vector)
        assert one.scores.ranked() == other.scores.ranked()
        np.testing.assert_array_equal(one.aligned.packed, other.aligned.packed)
    assert first.checksum == again.checksum


def test_what_routing_asks_of_a_classifier_is_kept(task: RetrievalTask, tmp_path: Path) -> None:
    parts = assemble(quick_settings())
    doubtful = replace(scores(jar=0.75, tube=0.25), unknown=True, least=0.1 + 0.2)
    describer = replace(parts.describer, classifier=Says(doubtful))
    asked = [Wanted(one) for one in hash_pictures(task.queries[:3]) if not isinstance(one, str)]
    for _ in range(2):  # made, then read
        kept = DescriptionCache(tmp_path / "cache", parts, describer).fill(asked)
        for one in asked:
            found = kept.by_key[one.key].scores
            assert (found.unknown, found.least) == (True, 0.1 + 0.2)
            assert found.ranked() == doubtful.ranked()


class Says:
    categories = ("jar", "tube")

    def __init__(self, scores: CategoryScores) -> None:
        self._scores = scores

    def classify(self, cutouts: Sequence[Cutout], embeddings: FloatArray) -> list[CategoryScores]:
        return [self._scores for _ in cutouts]


def test_other_contents_give_another_checksum(task: RetrievalTask, tmp_path: Path) -> None:
    first = gather(task, quick_settings(), tmp_path / "cache").checksum
    files = write_catalogue(tmp_path / "data", products=3)
    files[0].write_bytes(files[5].read_bytes())
    assert gather(task, quick_settings(), tmp_path / "cache").checksum != first


def test_unreadable_pictures_are_left_out_named_and_still_missed(
    task: RetrievalTask, tmp_path: Path
) -> None:
    task.gallery[1].path.write_bytes(b"no picture")
    task.gallery[4].path.unlink()
    evidence = gather(task, quick_settings(), tmp_path / "cache")
    assert len(evidence.gallery) == len(evidence.task.gallery) == 16
    assert [record.id for record in evidence.gallery] == list(range(16))
    assert {p.id for p in evidence.unread} == {task.gallery[1].id, task.gallery[4].id}
    assert sum(evidence.absent) == 2  # the other view of each misses it
    assert len([f for f in evidence.faults if "left out" in f]) == 2
    for query, answer in zip(evidence.task.queries, evidence.task.relevance, strict=True):
        for at in answer.relevant:
            assert evidence.task.gallery[at].product == query.product


def test_a_task_without_a_readable_query_is_refused(task: RetrievalTask, tmp_path: Path) -> None:
    for picture in task.queries:
        picture.path.unlink()
    with pytest.raises(ConfigError, match="not one query can be read"):
        gather(task, quick_settings(), tmp_path / "cache")


def test_a_cache_that_cannot_be_made_is_said_with_the_way_out(
    task: RetrievalTask, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="--cache"):
        gather(task, quick_settings(), tmp_path / "file" / "cache")


GALLERY = [
    Made(0, "a"),
    Made(1, "b"),
    Made(2, "a"),
    Made(3, "c", "tube"),
    Made(2, "b", "tube"),
]


def test_candidates_are_ranked_by_distance_and_place() -> None:
    evidence = made_evidence([Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))], GALLERY)
    assert found(evidence, 0) == [2, 4, 1, 3, 0]
    hits = evidence.candidates(0)
    assert [hit.rank for hit in hits] == [1, 2, 3, 4, 5]
    assert [hit.distance for hit in hits] == [0, 0, 1, 1, 2]
    assert found(evidence, 0, n=2) == [2, 4]


def test_only_routed_categories_are_searched_unless_all_are_asked_for() -> None:
    evidence = made_evidence([Made(2.0, "a", scores=scores(jar=0.99, tube=0.01))], GALLERY)
    assert found(evidence, 0) == [2, 1, 0]
    assert found(evidence, 0, route=False) == [2, 4, 1, 3, 0]


def test_products_can_be_taken_out_of_the_gallery() -> None:
    evidence = made_evidence([Made(2.0, "a")], GALLERY)
    left = evidence.candidates(0, route=False, without={"a"})
    assert [hit.record.product_id for hit in left] == ["b", "b", "c"]


def test_ignored_pictures_are_never_candidates() -> None:
    evidence = made_evidence([Made(2.0, "a")], GALLERY)
    junk = replace(evidence.task.relevance[0], relevant=(0,), ignored=(2,))
    evidence.task = replace(evidence.task, relevance=(junk,))
    assert 2 not in found(evidence, 0, route=False)


def test_other_search_settings_need_no_new_descriptions() -> None:
    evidence = made_evidence([Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))], GALLERY)
    hard = evidence.searching(quick_settings("rerank.name=contour_iou", "route.hard=true"))
    assert found(hard, 0) == [2, 1, 0]
    assert hard.parts.reranker.top_n == 10
    with pytest.raises(ConfigError, match="in another way"):
        evidence.searching(quick_settings("embed.side=64"))


@pytest.mark.parametrize("more", [(), ("query.expand=2",), ("search.metric=cosine",)])
def test_candidates_are_those_of_a_search_in_a_gallery(
    task: RetrievalTask, tmp_path: Path, more: tuple[str, ...]
) -> None:
    """The twin: the same descriptions in a real gallery, asked by the real searcher."""
    settings = quick_settings("rerank.name=fused", *more)
    half = label_task("halves", task.queries[::2], task.gallery[1::2], by_product)
    evidence = gather(half, settings, tmp_path / "cache")
    with in_a_gallery(evidence, tmp_path / "gallery") as gallery:
        describer = evidence.parts.describer
        searcher = Searcher(
            describer,
            gallery,
            AsRetrieved(),
            settings.route,
            describer.embedder.normalised,
            settings.search.metric,
            settings.query,
        )
        for query, description in enumerate(evidence.queries):
            hits = searcher.match(Described(description, NO_CUTOUT), k=3).hits
            mine = evidence.candidates(query)[: len(hits)]
            assert [h.record.uri for h in hits] == [h.record.uri for h in mine]
            np.testing.assert_allclose(
                [h.distance for h in hits], [h.distance for h in mine], rtol=1e-4, atol=1e-5
            )


NO_CUTOUT = Cutout(np.zeros((1, 1, 3), np.uint8), np.zeros((1, 1), np.float32), (0, 0, 1, 1))


class AsRetrieved:
    top_n = 0

    def rerank(self, query: object, hits: list[Hit]) -> list[Hit]:
        return hits


def in_a_gallery(evidence: Evidence, folder: Path, *, grouped: bool = False) -> LocalGallery:
    """``grouped``: by product; else every picture is a product of its own."""
    dimension = evidence.parts.describer.embedder.dimension
    gallery = LocalGallery.create(
        folder, Manifest(evidence.parts.fingerprint, dimension, normalised=True)
    )
    entries = [
        Entry(r.uri, r.sha256, 1, 1, r.product_id if grouped else r.uri, r.category)
        for r in evidence.gallery
    ]
    gallery.add(entries, [record.description for record in evidence.gallery])
    return gallery

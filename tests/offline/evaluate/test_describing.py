"""Both sides of a task described as serving does it, each image once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.types import CategoryScores, Cutout, FloatArray
from offline.datasets import RetrievalTask, open_dataset
from offline.evaluate.describing import describe_task
from offline.store.descriptions import DescriptionCache, Wanted
from offline.store.images import hash_images
from stages.assemble import assemble
from tests.drawn_catalogue import write_catalogue
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.made_tasks import scores


@pytest.fixture
def task(tmp_path: Path) -> RetrievalTask:
    """18 photos of 9 products in three categories, each searched among all others."""
    write_catalogue(tmp_path / "data", products=3)
    return open_dataset(tmp_path / "data").retrieval("product")


def test_a_query_is_described_without_its_label_and_the_gallery_with_it(
    task: RetrievalTask, tmp_path: Path
) -> None:
    described = describe_task(task, quick_settings(), tmp_path / "cache")
    assert all(record.labelled for record in described.gallery)
    assert [r.description.scores.top for r in described.gallery] == [
        image.category for image in task.gallery
    ]
    assert any(max(query.scores.probabilities) < 1 for query in described.queries)


def test_a_vote_never_sees_the_query_s_own_image(task: RetrievalTask, tmp_path: Path) -> None:
    """An exact match would take the whole vote (distance 0): here every query is in the gallery,
    and its nearest neighbour but itself decides."""
    described = describe_task(task, quick_settings("classify.k=1"), tmp_path / "cache")
    for at, query in enumerate(described.queries):
        others = [r for r in described.gallery if r.id != at]
        vector = query.embedding.vector
        away = [np.linalg.norm(r.description.embedding.vector - vector) for r in others]
        assert query.scores.top == others[int(np.argmin(away))].category


def test_the_second_time_nothing_is_described(
    task: RetrievalTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = describe_task(task, quick_settings(), tmp_path / "cache")
    told: list[int] = []
    again = describe_task(
        task, quick_settings(), tmp_path / "cache", lambda done, _: told.append(done)
    )
    assert told == []
    for one, other in zip(first.queries, again.queries, strict=True):
        np.testing.assert_array_equal(one.embedding.vector, other.embedding.vector)
        assert one.scores.ranked() == other.scores.ranked()
        np.testing.assert_array_equal(one.aligned.packed, other.aligned.packed)
    assert first.checksum == again.checksum


def test_what_routing_asks_of_a_classifier_is_kept(task: RetrievalTask, tmp_path: Path) -> None:
    real = assemble(quick_settings())
    doubtful = replace(scores(jar=0.75, tube=0.25), unknown=True, least=0.1 + 0.2)
    parts = replace(real, describer=replace(real.describer, classifier=Says(doubtful)))
    asked = [Wanted(one) for one in hash_images(task.queries[:3]) if not isinstance(one, str)]
    for _ in range(2):  # made, then read
        kept = DescriptionCache(tmp_path / "cache", parts).fill(asked)
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
    first = describe_task(task, quick_settings(), tmp_path / "cache").checksum
    files = write_catalogue(tmp_path / "data", products=3)
    files[0].write_bytes(files[5].read_bytes())
    assert describe_task(task, quick_settings(), tmp_path / "cache").checksum != first


def test_unreadable_images_are_left_out_named_and_still_missed(
    task: RetrievalTask, tmp_path: Path
) -> None:
    task.gallery[1].path.write_bytes(b"no picture")
    task.gallery[4].path.unlink()
    described = describe_task(task, quick_settings(), tmp_path / "cache")
    assert len(described.gallery) == len(described.task.gallery) == 16
    assert [record.id for record in described.gallery] == list(range(16))
    assert {p.id for p in described.unread} == {task.gallery[1].id, task.gallery[4].id}
    assert sum(described.absent) == 2  # the other view of each misses it
    assert len([f for f in described.faults if "left out" in f]) == 2
    for query, answer in zip(described.task.queries, described.task.relevance, strict=True):
        for at in answer.relevant:
            assert described.task.gallery[at].product == query.product


def test_a_task_without_a_readable_query_is_refused(task: RetrievalTask, tmp_path: Path) -> None:
    for image in task.queries:
        image.path.unlink()
    with pytest.raises(ConfigError, match="not one query can be read"):
        describe_task(task, quick_settings(), tmp_path / "cache")


def test_a_cache_that_cannot_be_made_is_said_with_the_way_out(
    task: RetrievalTask, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ConfigError, match="--cache"):
        describe_task(task, quick_settings(), tmp_path / "file" / "cache")

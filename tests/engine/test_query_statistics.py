"""What is learned from queries, and that one of them, or a flood of one, moves it little."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.galleries.local import LocalGallery
from engine.query_statistics import WINDOW, QueryLearner, QueryStatistics
from engine.types import FloatArray, MatteQuality
from tests.engine.made_descriptions import described, manifest

DIMENSION = 24


def photos(count: int, shift: float = 0.0, seed: int = 0) -> FloatArray:
    """(N, D) round one point."""
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION)) + shift
    return rows.astype(np.float32)


def learned(rows: FloatArray, before: QueryStatistics | None = None) -> QueryStatistics:
    statistics = before or QueryStatistics.none("f", DIMENSION)
    for row in rows:
        statistics = statistics.with_query(row)
    return statistics


def mean(statistics: QueryStatistics) -> FloatArray:
    return np.asarray(statistics.means.mean(axis=0))


def test_the_means_are_those_of_the_queries() -> None:
    rows = photos(60, shift=1)
    found = learned(rows)
    assert found.count == 60 and found.enough
    assert mean(found) == pytest.approx(rows.mean(axis=0), abs=1e-5)
    assert not learned(rows[:49]).enough


@pytest.mark.parametrize("place", [0, 5, 9, 10, 59])
@pytest.mark.parametrize("loud", [5, 1e4])
def test_one_odd_query_moves_the_mean_by_little_wherever_it_comes(place: int, loud: float) -> None:
    rows = photos(60)
    odd = rows.copy()
    odd[place] = loud * 10
    moved = np.linalg.norm(mean(learned(odd)) - mean(learned(rows)))
    typical = float(np.linalg.norm(rows - rows.mean(axis=0), axis=1).mean())
    assert moved < 4 * typical / len(rows)


def test_one_photo_sent_again_and_again_counts_once() -> None:
    rows = photos(60)
    once = learned(rows)
    again = learned(np.repeat(rows[7:8], 300, axis=0), once)
    assert again is once
    mixed = learned(np.concatenate([np.stack([row, rows[3]]) for row in rows]))
    assert mixed.count == 60


def test_the_means_follow_the_season() -> None:
    found = learned(photos(WINDOW))
    later = learned(photos(2 * WINDOW, shift=1, seed=1), found)
    assert later.count == 3 * WINDOW and later.weight == WINDOW
    assert mean(later) == pytest.approx(np.ones(DIMENSION), abs=0.25)


def test_vectors_that_are_not_finite_are_left_out() -> None:
    found = learned(photos(20))
    assert found.with_query(np.full(DIMENSION, np.nan, np.float32)) is found


@pytest.fixture
def gallery(tmp_path: Path) -> LocalGallery:
    return LocalGallery.create(tmp_path / "g", manifest(DIMENSION))


def test_what_is_learned_is_kept_beside_a_writer(gallery: LocalGallery) -> None:
    assert gallery.query_statistics() is None
    rows = photos(60)
    with LocalGallery.open(gallery.folder) as reader, LocalGallery.open(gallery.folder) as other:
        reader.learn(rows[:20])
        other.learn(rows[10:40])
        reader.learn(rows[40:])
        found = reader.query_statistics()
    assert found is not None and found.count == 60
    assert found.means == pytest.approx(learned(rows).means)
    with LocalGallery.open(gallery.folder) as reader:
        assert reader.forget_queries() and not reader.forget_queries()
        assert reader.query_statistics() is None


def test_a_damaged_file_and_one_of_other_stages_count_as_none(gallery: LocalGallery) -> None:
    gallery.learn(photos(20))
    (file,) = gallery.folder.glob("*.npz")
    whole = file.read_bytes()
    for damaged in (b"", whole[:-200], whole[:300] + bytes(50) + whole[350:], b"text"):
        file.write_bytes(damaged)
        gallery.learn(photos(3))
        found = gallery.query_statistics()
        assert found is not None and found.count == 3
    file.write_bytes(whole)
    gallery.manifest = replace(gallery.manifest, fingerprint="another")
    assert gallery.query_statistics() is None


def test_a_learner_keeps_rarely_and_at_the_end_and_only_what_shows_a_product(
    gallery: LocalGallery,
) -> None:
    learner = QueryLearner(gallery)
    rows = photos(55)
    for row in rows:
        learner.learn(described(row.tolist()))
    kept = gallery.query_statistics()
    assert kept is not None and kept.count == 50
    for flag in ("empty", "shadow", "untrusted", "several_objects"):
        doubted = described((rows[0] + 1).tolist())
        learner.learn(replace(doubted, quality=MatteQuality.from_flags([flag])))
    learner.keep()
    kept = gallery.query_statistics()
    assert kept is not None and kept.count == 55


def test_a_folder_that_cannot_be_written_is_one_warning(
    gallery: LocalGallery, caplog: pytest.LogCaptureFixture
) -> None:
    (gallery.folder / "queries.npz").mkdir()  # as good as read-only, also for root
    learner = QueryLearner(gallery)
    with caplog.at_level(logging.WARNING):
        for row in photos(3):
            learner.learn(described(row.tolist()))
            learner.keep()
    assert len(caplog.records) == 1


def test_a_gallery_that_is_gone_is_not_made_anew(gallery: LocalGallery) -> None:
    for file in gallery.folder.glob("*"):
        if file.is_file():
            file.unlink()
    gallery.learn(photos(3))
    assert not list(gallery.folder.glob("*.npz"))

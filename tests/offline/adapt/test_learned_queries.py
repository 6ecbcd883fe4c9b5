"""The mean of queries in place of photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.galleries.local import LocalGallery
from engine.types import FloatArray
from offline.adapt.gallery import adapt_gallery, is_due
from offline.adapt.judging import Vectors
from tests.engine.made_descriptions import described, entry, manifest

DIMENSION = 16
LIGHT = 3.0  # how far photos lie from the catalogue, in one direction


def rows(count: int, seed: int, light: float = 0.0) -> FloatArray:
    made = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    made[:, 0] += light
    return made.astype(np.float32)


@pytest.fixture
def gallery(tmp_path: Path) -> LocalGallery:
    """One image of every product."""
    made = LocalGallery.create(tmp_path / "g", manifest(DIMENSION))
    for number, row in enumerate(rows(30, seed=1)):
        made.add([entry(f"p{number}", "jar", f"p{number}")], [described(row.tolist())])
    return made


def test_photos_are_centred_on_the_mean_of_queries(gallery: LocalGallery) -> None:
    gallery.learn(rows(80, seed=2, light=LIGHT))
    outcome = adapt_gallery(gallery)
    found = gallery.adaptation()
    assert outcome.version == 1 and found is not None
    assert found.photo_mean[0] - found.catalogue_mean[0] == pytest.approx(LIGHT, abs=0.5)
    report = outcome.report
    assert (report.photos, report.photo_queries) == (0, 80)
    assert "80 queries" in report.parts[0].why


def test_too_few_queries_are_not_used(gallery: LocalGallery) -> None:
    gallery.learn(rows(49, seed=2, light=LIGHT))
    assert adapt_gallery(gallery).version is None


def test_one_odd_query_leaves_the_adaptation_as_it_was(gallery: LocalGallery) -> None:
    gallery.learn(rows(80, seed=2, light=LIGHT))
    adapt_gallery(gallery)
    before = gallery.adaptation()
    gallery.learn(np.full((1, DIMENSION), 1e4, np.float32))
    adapt_gallery(gallery)
    after = gallery.adaptation()
    assert before is not None and after is not None
    assert np.linalg.norm(after.photo_mean - before.photo_mean) < 0.2


def test_photos_win_over_queries(gallery: LocalGallery) -> None:
    gallery.learn(rows(80, seed=2, light=LIGHT))
    photos = rows(40, seed=3, light=-LIGHT)
    of = Vectors(photos, np.full(40, -1, np.int64), np.ones(40, np.bool_))
    report = adapt_gallery(gallery, of).report
    assert (report.photos, report.photo_queries) == (40, 0)
    gallery.add([entry("photo", "jar", "p0", {"role": "photo"})], [described(photos[0].tolist())])
    report = adapt_gallery(gallery).report
    assert (report.photos, report.photo_queries) == (1, 0)


def test_a_fit_is_due_where_enough_was_learned_and_then_twice_of_it(gallery: LocalGallery) -> None:
    adapt_gallery(gallery)
    assert not is_due(gallery)
    gallery.learn(rows(50, seed=2))
    assert is_due(gallery)
    adapt_gallery(gallery)
    assert not is_due(gallery)
    gallery.learn(rows(50, seed=3))
    assert is_due(gallery)

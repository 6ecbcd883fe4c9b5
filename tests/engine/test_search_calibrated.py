"""Searches that say how likely a hit is, and searches as if some images were not there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.config import QuerySettings, RouteSettings
from engine.galleries.local import LocalGallery
from engine.keypoints import Keypoints, TentativeMatch
from engine.manifest import Manifest
from engine.match_calibration import with_probabilities
from engine.search import Searcher
from engine.types import Hit, Matte, RGBImage
from stages.context import BuildContext
from stages.keypoints import sift
from stages.rerank.none import Options, build
from tests.engine.fake_parts import Reversed, fake_describer, plain_image
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import entry
from tests.engine.made_keypoints import COUNT, label

MANIFEST = Manifest("f" * 64, 3, normalised=False)
IMAGES = 10


def filled(folder: Path, reds: list[int]) -> LocalGallery:
    """Two views a product, ten apart."""
    opened = LocalGallery.create(folder, MANIFEST)
    images = [plain_image(red) for red in reds]
    described = fake_describer().describe(images, ["dark"] * len(reds))
    entries = [entry(str(red), "dark", f"p{red // 20}") for red in reds]
    opened.add(entries, [one.description for one in described])
    return opened


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    with filled(tmp_path / "g", list(range(0, 10 * IMAGES, 10))) as opened:
        yield opened


def searcher(gallery: LocalGallery, identity: str = "same search") -> Searcher:
    routing, reranker = RouteSettings(), build(Options(), BuildContext())
    return Searcher(
        fake_describer(), gallery, reranker, routing, normalised=False, identity=identity
    )


def seen(hits: list[Hit]) -> list[tuple[str, float, int]]:
    return [(hit.record.uri, hit.distance, hit.views) for hit in hits]


def test_every_hit_of_a_calibrated_gallery_has_its_probability(gallery: LocalGallery) -> None:
    gallery.calibrate(calibration())
    results = searcher(gallery).search(plain_image(40), k=3)
    assert results.calibrated and results.threshold == 0.25 and results.notes == ()
    expected = [1 / (1 + np.exp(3 - 6 * hit.score)) for hit in results.hits]
    assert [hit.probability for hit in results.hits] == pytest.approx(expected)
    assert not results.no_match


def test_a_photo_far_from_everything_is_no_match_and_still_shows_the_nearest(
    gallery: LocalGallery,
) -> None:
    gallery.calibrate(calibration())
    results = searcher(gallery).search(plain_image(200, 200))
    assert results.no_match
    assert len(results.hits) == 5


def test_an_uncalibrated_gallery_answers_as_ever(gallery: LocalGallery) -> None:
    results = searcher(gallery).search(plain_image(200, 200))
    assert (results.calibrated, results.no_match, results.notes) == (False, False, ())
    assert {hit.probability for hit in results.hits} == {None}


def test_other_settings_leave_the_calibration_out_and_say_so(gallery: LocalGallery) -> None:
    gallery.calibrate(calibration())
    results = searcher(gallery, "another search").search(plain_image(200, 200))
    assert (results.calibrated, results.no_match) == (False, False)
    assert "other settings" in results.notes[0]
    assert searcher(gallery, "").search(plain_image(200)).notes == ()


def test_categories_that_were_asked_for_leave_the_calibration_out(gallery: LocalGallery) -> None:
    gallery.calibrate(calibration())
    results = searcher(gallery).search(plain_image(40), categories=["dark"])
    assert not results.calibrated
    assert "predicted categories" in results.notes[0]


def test_a_grown_gallery_is_judged_as_before_and_says_so(gallery: LocalGallery) -> None:
    gallery.calibrate(calibration(images=IMAGES // 2))
    results = searcher(gallery).search(plain_image(40))
    assert results.calibrated
    assert "had 5 images, it has 10 now" in results.notes[0]


def test_a_calibration_that_cannot_be_read_stops_no_query(
    gallery: LocalGallery, tmp_path: Path
) -> None:
    gallery.calibrate(calibration())
    stranger = sqlite3.connect(tmp_path / "g/gallery.sqlite", isolation_level=None)
    stranger.execute("UPDATE manifest SET value = '{\"version\": 9}' WHERE key = 'calibration'")
    stranger.close()
    results = searcher(gallery).search(plain_image(40))
    assert not results.calibrated and len(results.hits) == 5
    assert "cannot be read" in results.notes[0] and "packsight calibrate" in results.notes[0]


@pytest.mark.parametrize("top_n", [0, 3, 6])
def test_the_probability_does_not_depend_on_how_many_hits_are_asked_for(
    gallery: LocalGallery, top_n: int
) -> None:
    leaning = calibration().model.model_copy(update={"margin": 4.0})
    gallery.calibrate(calibration().model_copy(update={"model": leaning}))
    asked = replace(searcher(gallery), reranker=Reversed(top_n))
    all_hits = asked.search(plain_image(33), k=5).hits
    for k in (1, 2, 3):
        fewer = asked.search(plain_image(33), k=k).hits
        assert [hit.probability for hit in fewer] == [hit.probability for hit in all_hits[:k]]


def test_one_product_alone_has_a_probability_without_a_margin(tmp_path: Path) -> None:
    with filled(tmp_path / "one", [0, 10]) as gallery:
        gallery.calibrate(calibration())
        (hit,) = searcher(gallery).search(plain_image(5), k=1).hits
        assert hit.probability == pytest.approx(1 / (1 + np.exp(3 - 6 * hit.score)))


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    gone=st.sets(st.integers(0, IMAGES - 1), max_size=IMAGES - 1),
    red=st.integers(0, 120),
    expand=st.integers(0, 3),
    top_n=st.integers(0, 5),
)
def test_images_left_out_are_as_if_they_had_never_been_there(
    tmp_path_factory: pytest.TempPathFactory, gone: set[int], red: int, expand: int, top_n: int
) -> None:
    folder = tmp_path_factory.mktemp("twin")
    reds = [10 * at for at in range(IMAGES)]
    query = fake_describer().describe([plain_image(red)])[0].description
    with (
        filled(folder / "all", reds) as everything,
        filled(folder / "some", [red for at, red in enumerate(reds) if at not in gone]) as fewer,
    ):
        ids = [source.id for source in everything.sources()]
        how = QuerySettings(expand=expand)
        asked, twin = (
            replace(searcher(one), reranker=Reversed(top_n), query=how)
            for one in (everything, fewer)
        )
        found = asked.rank(query, 4, without={ids[at] for at in gone}).products
        assert seen(found) == seen(twin.rank(query, 4).products)
        assert all(hit.probability is None for hit in found)


def test_a_gallery_of_which_all_is_left_out_answers_nothing(gallery: LocalGallery) -> None:
    query = fake_describer().describe([plain_image(7)])[0].description
    everything = [source.id for source in gallery.sources()]
    assert searcher(gallery).rank(query, without=everything).products == []


def test_a_calibration_for_another_adaptation_names_it_and_a_command(gallery: LocalGallery) -> None:
    gallery.calibrate(calibration(identity="same search-" + "b" * 16))
    (note,) = searcher(gallery).search(plain_image(40), k=3).notes
    assert "adaptation" in note
    assert f"packsight calibrate --gallery {gallery.name} --photos PHOTOS" in note
    gallery.calibrate(calibration(identity="same search-" + "b" * 16, source="views"))
    (note,) = searcher(gallery).search(plain_image(40), k=3).notes
    assert note.endswith(f"packsight calibrate --gallery {gallery.name}")


class Labels:
    """The redder an image, the later its label; each is a label of its own."""

    checked, least, weight = 20, 5, 1.0

    def __init__(self) -> None:
        self._matcher = sift.build(sift.Options(), BuildContext())

    def detect(self, images: Sequence[RGBImage], mattes: Sequence[Matte | None]) -> list[Keypoints]:
        return [label(int(image.pixels[0, 0, 0])) for image in images]

    def match(self, query: Keypoints, candidates: Sequence[Keypoints]) -> list[TentativeMatch]:
        return self._matcher.match(query, candidates)


def test_probabilities_by_print_are_those_of_all_its_matches(tmp_path: Path) -> None:
    describer = replace(fake_describer(), keypoints=Labels())
    weighing = calibration().model.model_copy(update={"places": 0.1, "places_margin": 0.1})
    with LocalGallery.create(tmp_path / "g", MANIFEST) as opened:
        reds = [0, 40, 80, 80]
        entries = [entry(str(at), "dark", f"p{at}") for at in range(len(reds))]
        described = describer.describe([plain_image(red) for red in reds], ["dark"] * len(reds))
        opened.add(entries, [one.description for one in described])
        opened.calibrate(calibration().model_copy(update={"model": weighing}))
        served = replace(searcher(opened), describer=describer)
        results = served.search(plain_image(80, 1), k=4)
        every = served.rank(results.query, 4, all_matches=True).products
    assert [hit.record.product_id for hit in results.hits[:2]] == ["p2", "p3"]
    assert [hit.match.inliers for hit in results.hits[:2] if hit.match] == [COUNT, COUNT]
    expected = [hit.probability for hit in with_probabilities(every, weighing)]
    assert [hit.probability for hit in results.hits] == expected
    first, second = (hit.probability or 0.0 for hit in results.hits[:2])
    assert first == second > 0.9 > (results.hits[2].probability or 0.0)

"""`packsight calibrate` from photos to the answer of a query, on drawn packages."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.curation import Curation
from engine.decisions import Judgement
from engine.files import file_sha256
from engine.galleries import open_gallery
from engine.types import RGBImage
from offline import ingest
from offline.adapt.answers import MOST_VIEWS, view_answers
from offline.adapt.left_out import Search
from offline.calibration.answers import ProductIndex, photo_answers
from offline.datasets import DatasetImage
from online import query
from stages.open_searcher import open_searcher
from tests.drawn_catalogue import CATEGORIES, QUICK, package, save, write_catalogue
from tests.engine.made_adaptations import adaptation
from tests.packsight_command import Command

PRODUCTS = 7  # a category: 21 in all; those from HELD on are not in the gallery
HELD = 5
SHARE = 0.1


@pytest.fixture
def packsight(capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(capsys)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalogue of 15 products in two views each, and photos of 21 products."""
    folder = tmp_path_factory.mktemp("calibrate")
    write_catalogue(folder / "catalogue", products=HELD)
    ingest(folder / "catalogue", folder / "gallery", overrides=QUICK, workers=1)
    for category in CATEGORIES:
        for product in range(PRODUCTS):
            photo = folder / "photos" / category / f"p{product}" / "photo.png"
            save(photo, package(category, product, 3))
    return folder


@pytest.fixture
def gallery(made: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(made / "gallery", tmp_path / "gallery"))


def test_a_calibrated_gallery_says_what_it_holds_and_what_it_does_not(
    made: Path, gallery: Path, packsight: Command, tmp_path: Path
) -> None:
    told = packsight(
        *("calibrate", "--gallery", gallery, "--photos", made / "photos"),
        *("--false-accepts", str(SHARE), "--json", tmp_path / "c.json", "--quiet"),
    )
    assert told.code == 0
    assert "15 photos of products that it holds and 6 of others, 21 products" in told.out
    with open_gallery(gallery) as opened:
        stored = opened.calibration()
        assert opened.check() == []
    assert stored is not None
    assert stored.model_dump() == json.loads((tmp_path / "c.json").read_text())
    assert (stored.source, stored.images, stored.false_accepts) == ("photos", 30, SHARE)
    assert (stored.figures.present, stored.figures.absent) == (15, 21)
    known = query(RGBImage(package("jar", 1, 2)), gallery)
    strange = query(RGBImage(np.full((128, 96, 3), 128, np.uint8)), gallery)
    assert known.calibrated and strange.calibrated
    assert not known.no_match and strange.no_match
    assert known.hits[0].record.product_id == "jar/p1"
    likely = [hit.probability or 0.0 for hit in known.hits]
    assert likely[0] > stored.threshold and likely[0] == max(likely)
    assert strange.hits and (strange.hits[0].probability or 0.0) <= stored.threshold


def test_a_query_under_other_settings_ignores_it_and_says_so(
    made: Path, gallery: Path, packsight: Command
) -> None:
    flags = ("--gallery", gallery, "--photos", made / "photos", "--false-accepts", "0.1")
    assert packsight("calibrate", *flags).code == 0
    photo = made / "photos/jar/p1/photo.png"
    same = packsight("query", photo, "--gallery", gallery)
    assert "a match: the first hit is the product with" in same.out and " same " in same.out
    for setting in (
        "rerank.weight=0.3",
        "route.mass=0.5",
        "search.metric=cosine",
        "query.expand=1",
    ):
        other = packsight("query", photo, "--gallery", gallery, "--set", setting, "--json")
        answer = json.loads(other.out)
        assert (answer["calibrated"], answer["no_match"], answer["threshold"]) == (
            False,
            False,
            None,
        )
        assert answer["hits"][0]["probability"] is None
        assert "other settings" in answer["notes"][0]
    # What changes neither scores nor order does not matter.
    for setting in ("ingest.batch=3", "runtime.threads=1"):
        answer = json.loads(
            packsight("query", photo, "--gallery", gallery, "--set", setting, "--json").out
        )
        assert answer["calibrated"] and answer["hits"][0]["probability"] > answer["threshold"]
    # Calibrated under a setting, it holds under that setting alone.
    under = ("--set", "rerank.weight=0.3")
    assert packsight("calibrate", *flags, *under).code == 0
    told = [packsight("query", photo, "--gallery", gallery, *more).out for more in ((), under)]
    assert ["a match: " in text for text in told] == [False, True]


def test_a_new_ingest_keeps_it_and_tells_when_the_gallery_has_grown(
    made: Path, gallery: Path, packsight: Command, tmp_path: Path
) -> None:
    packsight("calibrate", "--gallery", gallery, "--photos", made / "photos")
    write_catalogue(tmp_path / "more", products=HELD + 2, views=3)
    ingest(tmp_path / "more", gallery, workers=1)
    results = query(RGBImage(package("jar", 1, 2)), gallery)
    assert results.calibrated
    assert any("had 30 images" in note for note in results.notes)
    told = packsight("gallery", "info", gallery).out
    assert "on 21 products' photos, with 30 images in the gallery" in told
    assert "run packsight calibrate again" in told
    facts = json.loads(packsight("gallery", "info", gallery, "--json").out)
    assert facts["calibration"]["images"] == 30


def test_it_is_taken_away_and_then_there_is_none(
    made: Path, gallery: Path, packsight: Command
) -> None:
    packsight("calibrate", "--gallery", gallery, "--photos", made / "photos")
    assert "no longer calibrated" in packsight("calibrate", "--gallery", gallery, "--remove").out
    assert "was not calibrated" in packsight("calibrate", "--gallery", gallery, "--remove").out
    assert not query(RGBImage(package("jar", 1)), gallery).calibrated
    assert "none: a query cannot answer" in packsight("gallery", "info", gallery).out


def test_without_photos_the_gallerys_own_views_are_asked_with_a_warning(
    gallery: Path, packsight: Command
) -> None:
    told = packsight("calibrate", "--gallery", gallery, "--quiet")
    assert told.code == 0
    assert "30 views of products that it holds" in told.out
    assert "photos look less like them" in told.err
    with open_gallery(gallery) as opened:
        stored = opened.calibration()
    assert stored is not None and stored.source == "views"


def test_a_view_is_asked_of_the_others_and_never_finds_itself(gallery: Path) -> None:
    with open_searcher(gallery) as opened:
        search = Search(opened.searcher)
        found = view_answers(search, opened.gallery, 0, lambda done, total: None)
    assert (found.present, len(found.answers)) == (30, 60)
    assert MOST_VIEWS > 30
    for one in found.answers:
        assert one.present or not one.right.any()
        assert one.right.sum() <= 1
        assert one.features[:, 0].max() < 0.9999  # its own image would score 1


def test_a_photo_that_lies_in_the_gallery_does_not_find_itself(made: Path, gallery: Path) -> None:
    path = made / "catalogue/jar/p1/v0.png"
    photo = DatasetImage("v0", path, category="jar", product="p1")
    with open_searcher(gallery) as opened:
        found = photo_answers(
            opened, [photo], ProductIndex(opened.gallery), lambda done, total: None
        )
    present, absent = found.answers
    assert present.product == absent.product == "jar/p1"  # CATEGORY/PRODUCT is tried too
    assert (present.present, absent.present) == (True, False)
    assert present.features[:, 0].max() < 0.9999
    assert not absent.right.any()


def test_photos_that_cannot_be_read_are_told_and_stop_nothing(
    made: Path, gallery: Path, packsight: Command, tmp_path: Path
) -> None:
    photos = Path(shutil.copytree(made / "photos", tmp_path / "photos"))
    (photos / "jar/p0/broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing")
    told = packsight(
        "calibrate", "--gallery", gallery, "--photos", photos, "--false-accepts", "0.1"
    )
    assert told.code == 0
    assert "broken.png" in told.err
    assert "15 photos of products" in told.out


def adapt_with(gallery: Path, photos: frozenset[str]) -> None:
    """As if the adaptation, which changes little, had been fitted with these photos."""
    with open_gallery(gallery, write=True) as opened:
        made = adaptation(projection=None)
        mean = np.full(opened.manifest.dimension, 1e-4, np.float32)
        opened.adapt(replace(made, catalogue_mean=mean, photo_mean=mean, photos=photos))


def test_photos_are_of_the_products_that_people_judged(
    made: Path, gallery: Path, tmp_path: Path
) -> None:
    photos = [
        DatasetImage(f"{number}", save(tmp_path / f"{number}.png", package("jar", number, 3)))
        for number in range(3)
    ]
    photos[2] = replace(photos[2], product="jar/p0")
    with Curation.open(gallery) as curation:
        first, _, last = (file_sha256(photo.path) for photo in photos)
        curation.decide([Judgement(first, "jar/p0", True), Judgement(last, "jar/p0", False)])
    with open_searcher(gallery) as opened:
        index = ProductIndex(opened.gallery)
        found = photo_answers(opened, photos, index, lambda done, total: None)
    assert (found.present, found.absent, len(found.faults)) == (1, 1, 1)
    assert found.answers[0].product == "jar/p0" and found.answers[0].present


def test_photos_that_the_adaptation_was_fitted_with_are_no_judges(
    made: Path, gallery: Path, packsight: Command
) -> None:
    photos = sorted((made / "photos").rglob("*.png"))
    flags = ("--gallery", gallery, "--photos", made / "photos", "--false-accepts", "0.2")
    adapt_with(gallery, frozenset(map(file_sha256, photos[:2])))
    told = packsight("calibrate", *flags)
    assert told.code == 0 and "2 photos left out" in told.out
    assert "13 photos of products that it holds and 6 of others" in told.out
    adapt_with(gallery, frozenset(map(file_sha256, photos[:14])))
    few = packsight("calibrate", *flags)
    assert few.code == 1 and "14 photos took part" in few.line and "needs 10" in few.line
    adapt_with(gallery, frozenset(map(file_sha256, photos)))
    none = packsight("calibrate", *flags)
    assert none.code == 1 and "all 21 photos" in none.line


def test_what_is_refused_of_the_correct_first_hits_is_printed_and_kept(
    made: Path, gallery: Path, packsight: Command
) -> None:
    flags = ("--gallery", gallery, "--photos", made / "photos", "--false-accepts", "0.1")
    told = packsight("calibrate", *flags)
    with open_gallery(gallery) as opened:
        stored = opened.calibration()
    assert stored is not None
    refused = stored.figures.correct_refused
    assert refused is not None and f"correct first hits refused: {refused:.1%}" in told.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--photos", "photos", "--false-accepts", "0.01"], "needs 99"),
        (["--photos", "photos", "--false-accepts", "0"], "between 0 and 1"),
        (["--photos", "photos", "--false-accepts", "nan"], "between 0 and 1"),
        (["--photos", "photos", "--seed", "-1"], "must not be negative"),
        (["--photos", "photos", "--split", "none"], "none"),
        (["--photos", "photos", "--set", "embed.side=48"], "described by other parts"),
        (["--photos", "absent"], "no such folder"),
        (["--photos", "strangers"], "none of 1 photos shows a product"),
        (["--photos", "few"], "3 products photographed, needs 10"),
        (["--split", "all"], "--split"),
    ],
)
def test_what_cannot_be_calibrated_says_why_and_leaves_the_gallery_alone(
    made: Path, gallery: Path, packsight: Command, tmp_path: Path, arguments: list[str], said: str
) -> None:
    save(tmp_path / "strangers/lamp/x/a.png", package("jar", 9))
    for product in range(3):
        save(tmp_path / f"few/jar/p{product}/a.png", package("jar", product, 3))
    places = {"photos": made / "photos"} | {
        name: tmp_path / name for name in ("absent", "strangers", "few")
    }
    given = [places.get(word, word) if at == 1 else word for at, word in enumerate(arguments)]
    told = packsight("calibrate", "--gallery", gallery, "--quiet", *given)
    assert told.code == 1
    assert said in told.line
    with open_gallery(gallery) as opened:
        assert opened.calibration() is None


def test_there_must_be_a_gallery_and_nobody_else_may_write(
    gallery: Path, packsight: Command, tmp_path: Path
) -> None:
    assert "no gallery here" in packsight("calibrate", "--gallery", tmp_path / "none").line
    with open_gallery(gallery, write=True):
        assert "is writing to this gallery" in packsight("calibrate", "--gallery", gallery).line


def test_of_many_views_a_seeded_choice_is_asked(
    gallery: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.adapt.answers.MOST_VIEWS", 5)
    with open_searcher(gallery) as opened:
        search = Search(opened.searcher)
        found = [
            view_answers(search, opened.gallery, seed, lambda done, total: None)
            for seed in (0, 0, 1)
        ]
        chosen = [[one.product for one in some.answers] for some in found]
    assert [len(answers) for answers in chosen] == [10, 10, 10]
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_gallery_of_single_views_needs_photos(tmp_path: Path, packsight: Command) -> None:
    write_catalogue(tmp_path / "c", products=4, views=1)
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    told = packsight("calibrate", "--gallery", tmp_path / "g")
    assert told.code == 1
    assert "0 products photographed, needs 10" in told.line and "more photos" in told.line

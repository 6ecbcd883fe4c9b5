"""Queries from Python: what a photo may be, what stays open, and the default profile."""

from __future__ import annotations

import io
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, FingerprintError, GalleryError, ImageError
from engine.galleries import add_generation, open_gallery, use_generation
from engine.types import RGBImage
from offline import ingest
from online import query
from online.query import KEPT_OPEN, shared_searcher
from stages.open_searcher import open_searcher
from tests.drawn_catalogue import QUICK, package, save, write_catalogue


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("query")
    write_catalogue(folder / "catalogue", products=3)
    ingest(folder / "catalogue", folder / "gallery", overrides=QUICK, workers=1)
    return folder / "gallery"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    return save(tmp_path / "photo.png", package("jar", 1, 3))


def test_a_photo_may_be_a_path_bytes_a_file_or_an_image(gallery: Path, photo: Path) -> None:
    pixels = package("jar", 1, 3)
    answers = [
        query(kind, gallery, k=3)
        for kind in (photo, str(photo), photo.read_bytes(), io.BytesIO(photo.read_bytes()))
    ]
    answers.append(query(RGBImage(pixels), gallery, k=3))
    found = [[(hit.record.product_id, hit.distance) for hit in r.hits] for r in answers]
    assert all(one == found[0] for one in found)
    assert found[0][0][0] == "jar/p1"


def test_a_catalogue_image_finds_itself_first(gallery: Path) -> None:
    for image in sorted((gallery.parent / "catalogue").rglob("*.png")):
        first = query(image, gallery, k=1).hits[0]
        assert first.distance == pytest.approx(0, abs=1e-3)
        assert (
            first.record.product_id
            == image.parent.relative_to(gallery.parent / "catalogue").as_posix()
        )


def test_k_categories_and_settings_are_heard(gallery: Path, photo: Path) -> None:
    results = query(photo, gallery, k=2, categories=["stick"])
    assert [hit.record.category for hit in results.hits] == ["stick", "stick"]
    hard = query(photo, gallery, overrides=["route.hard=true", "rerank.name=none"])
    assert hard.route.categories == ("jar",)
    assert all(hit.iou is None for hit in hard.hits)


def test_what_cannot_be_answered_raises_its_error(
    gallery: Path, photo: Path, tmp_path: Path
) -> None:
    with pytest.raises(ImageError):
        query(b"not an image", gallery)
    with pytest.raises(GalleryError, match="no gallery here"):
        query(photo, tmp_path / "none")
    with pytest.raises(ConfigError, match="at least one"):
        query(photo, gallery, k=0)
    with pytest.raises(ConfigError, match="unknown category"):
        query(photo, gallery, categories=["lamp"])
    with pytest.raises(FingerprintError):
        query(photo, gallery, overrides=["embed.side=48"])
    with pytest.raises(ConfigError, match="unknown option"):
        query(photo, gallery, overrides=["rerank.top=3"])


def test_a_searcher_stays_open_for_the_next_call(gallery: Path) -> None:
    assert shared_searcher(gallery) is shared_searcher(gallery)
    other = shared_searcher(gallery, overrides=["route.mass=0.5"])
    assert other is not shared_searcher(gallery)


def test_a_flip_between_looking_and_opening_mixes_up_no_generations(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another generation comes into use while the one that was looked at is being opened."""
    write_catalogue(tmp_path / "c")
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    first = open_gallery(tmp_path / "g")
    other = replace(first.manifest, fingerprint="e" * 64, settings={**first.manifest.settings})
    name = add_generation(tmp_path / "g", other)
    begun: list[str] = []
    opening = open_searcher

    def flipping(*given: object, **options: object) -> object:
        if not begun:
            begun.append(name)
            opened = opening(*given, **options)  # type: ignore[arg-type]
            use_generation(tmp_path / "g", name)
            return opened
        raise FingerprintError("of the other generation")

    monkeypatch.setattr("stages.open_searcher.open_searcher", flipping)
    with pytest.raises(FingerprintError):
        query(photo, tmp_path / "g")
    use_generation(tmp_path / "g", "1")
    monkeypatch.undo()
    assert query(photo, tmp_path / "g").hits
    first.close()


def test_a_gallery_made_anew_at_the_same_place_is_another(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "old.png", package("jar", 1))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    assert query(photo, tmp_path / "g").hits[0].record.product_id == "jar/old"
    shutil.rmtree(tmp_path / "g")
    (tmp_path / "c/jar/old.png").rename(tmp_path / "c/jar/new.png")
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    assert query(photo, tmp_path / "g").hits[0].record.product_id == "jar/new"


def test_a_query_after_an_ingest_sees_what_it_added(photo: Path, tmp_path: Path) -> None:
    save(tmp_path / "c" / "jar" / "old.png", package("jar", 4))
    ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK, workers=1)
    assert query(photo, tmp_path / "g").hits[0].record.product_id == "jar/old"
    save(tmp_path / "c" / "jar" / "new.png", package("jar", 1, 3))
    ingest(tmp_path / "c", tmp_path / "g", workers=1)
    assert query(photo, tmp_path / "g").hits[0].record.product_id == "jar/new"


def test_a_searcher_in_use_outlives_its_place_among_the_kept(gallery: Path, photo: Path) -> None:
    used = shared_searcher(gallery, overrides=["route.mass=0.11"])
    for number in range(KEPT_OPEN + 1):
        shared_searcher(gallery, overrides=[f"route.mass=0.2{number}"])
    assert used.searcher.search(used.read(photo)).hits


def test_queries_from_several_threads_agree(gallery: Path, photo: Path) -> None:
    expected = [hit.record.id for hit in query(photo, gallery).hits]
    answers: list[object] = []

    def ask() -> None:
        try:
            for _ in range(5):
                answers.append([hit.record.id for hit in query(photo, gallery).hits])
        except Exception as error:
            answers.append(error)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [expected] * 20


@pytest.mark.parametrize(("profile", "iou"), [(None, 0.8), ("classic", 0.9)])
def test_a_whole_profile_finds_a_product_from_a_photo_on_another_background(
    profile: str | None, iou: float, tmp_path: Path
) -> None:
    """All of the default and of `classic`; the images are drawn, for a network a strange sight."""
    write_catalogue(tmp_path / "c", products=3, views=2)
    report = ingest(tmp_path / "c", tmp_path / "g", profile=profile)
    assert (report.added, report.refused) == (18, [])
    drawn = package("bottle", 2)
    background = np.where((drawn == 250).all(2, keepdims=True), np.uint8(205), drawn)
    results = query(RGBImage(np.ascontiguousarray(background)), tmp_path / "g", k=3)
    assert results.hits[0].record.product_id == "bottle/p2"
    assert results.hits[0].iou is not None and results.hits[0].iou > iou
    assert "bottle" in results.route.categories


def test_an_open_searcher_closes_its_gallery(gallery: Path, photo: Path) -> None:
    with open_searcher(gallery) as opened:
        image = opened.read(photo)
    with pytest.raises(GalleryError, match="closed"):
        opened.searcher.search(image)

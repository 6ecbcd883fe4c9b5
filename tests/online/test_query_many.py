"""Queries of many photos from Python: as one by one, in order, flat in memory."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from engine.describe import Describer
from engine.errors import ConfigError, GalleryError, ImageError, StageError
from engine.types import Results, RGBImage
from offline import ingest
from online import query
from online.query_many import query_many
from online.results_json import results_json
from tests.drawn_catalogue import QUICK, write_catalogue


@pytest.fixture(scope="module")
def gallery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    write_catalogue(folder / "catalogue", products=3)
    ingest(folder / "catalogue", folder / "gallery", overrides=QUICK, workers=1)
    return folder / "gallery"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_catalogue(tmp_path_factory.mktemp("photos"), products=3, views=4)


def plain(results: object) -> dict[str, object]:
    assert isinstance(results, Results)
    found = results_json(results)
    del found["timings_ms"]
    return found


@pytest.mark.parametrize("batch", [1, 5, 16])
def test_many_photos_are_answered_as_one_by_one(
    gallery: Path, photos: list[Path], batch: int
) -> None:
    options = [f"ingest.batch={batch}", "query.expand=1"]
    many = list(query_many(photos, gallery, k=3, overrides=options, workers=2))
    one_by_one = [query(photo, gallery, k=3, overrides=options) for photo in photos]
    assert list(map(plain, many)) == list(map(plain, one_by_one))
    assert {"segment", "embed", "retrieve"} <= set(many[0].timings)  # type: ignore[union-attr]


def test_a_photo_that_cannot_be_read_costs_no_other_its_answer(
    gallery: Path, photos: list[Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_bytes(b"not an image")
    given = [bad, *photos[:3], tmp_path / "absent.jpg", *photos[3:5]]
    found = list(query_many(map(str, given), gallery, overrides=["ingest.batch=3"], workers=1))
    errors = {at: one for at, one in enumerate(found) if isinstance(one, ImageError)}
    assert {at: error.uri for at, error in errors.items()} == {0: str(bad), 4: str(given[4])}
    good = [one for one in found if isinstance(one, Results)]
    assert list(map(plain, good)) == [plain(query(photo, gallery)) for photo in photos[:5]]


def failing_on(monkeypatch: pytest.MonkeyPatch, broken: Sequence[Path]) -> None:
    describe, names = Describer.describe, set(map(str, broken))

    def guarded(self: Describer, images: Sequence[RGBImage], *given: object, **named: object):  # type: ignore[no-untyped-def]
        for image in images:
            if image.uri in names:
                raise StageError("embed", image.uri, "broke.")
        return describe(self, images, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Describer, "describe", guarded)


def test_a_photo_that_a_stage_fails_on_costs_no_other_its_answer(
    gallery: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_on(monkeypatch, photos[:1])
    found = list(query_many(photos[:4], gallery, workers=1))
    assert [type(one) for one in found] == [StageError, Results, Results, Results]


def test_a_stage_that_fails_on_every_photo_ends_the_run(
    gallery: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    failing_on(monkeypatch, photos)
    with pytest.raises(StageError):
        list(query_many(photos, gallery, overrides=["ingest.batch=2"], workers=1))


def test_what_is_wrong_with_the_query_is_raised_before_a_photo_is_read(
    gallery: Path, tmp_path: Path
) -> None:
    def none_read() -> Iterator[Path]:
        raise AssertionError
        yield

    with pytest.raises(GalleryError):
        query_many(none_read(), tmp_path / "none")
    with pytest.raises(ConfigError, match="unknown category"):
        query_many(none_read(), gallery, categories=["lamp"])
    with pytest.raises(ConfigError):
        query_many(none_read(), gallery, k=0)
    assert list(query_many([], gallery)) == []


def test_photos_are_read_a_few_batches_ahead_and_no_further(
    gallery: Path, photos: list[Path]
) -> None:
    taken = []

    def endless() -> Iterator[Path]:
        while True:
            taken.append(1)
            yield photos[len(taken) % len(photos)]

    found = query_many(endless(), gallery, overrides=["ingest.batch=2"], workers=1)
    seen = [next(found) for _ in range(20)]
    assert all(isinstance(one, Results) for one in seen)
    assert len(taken) <= 20 + 4 * 2


def test_pixels_of_answered_photos_are_let_go(
    gallery: Path, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    alive: list[weakref.ref[RGBImage]] = []
    describe = Describer.describe

    def watched(self: Describer, images: Sequence[RGBImage], *given: object, **named: object):  # type: ignore[no-untyped-def]
        alive.extend(map(weakref.ref, images))
        return describe(self, images, *given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(Describer, "describe", watched)
    kept = list(query_many(photos, gallery, overrides=["ingest.batch=2"], workers=1))
    gc.collect()
    assert len(kept) == len(alive) == len(photos)
    assert not any(one() for one in alive)

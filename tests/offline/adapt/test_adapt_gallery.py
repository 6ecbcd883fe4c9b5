"""Adapting a gallery that was made of vectors, by hand and at an ingest."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.galleries import open_gallery
from engine.galleries.local import LocalGallery
from offline import ingest
from offline.adapt import gallery as adapting
from offline.adapt.gallery import adapt_gallery, adapt_where_due, is_due
from offline.adapt.judging import Vectors
from offline.adapt.vectors import read_vectors
from tests.drawn_catalogue import QUICK, write_catalogue
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import described, entry, manifest

DIMENSION = 16


def filled(folder: Path, *, products: int = 20, loud: float = 3, start: int = 0) -> LocalGallery:
    """Three views of every product, which vary much in half of the dimensions."""
    random = np.random.default_rng(start)
    gallery = LocalGallery.open_or_create(folder, manifest(DIMENSION))
    for product in range(start, start + products):
        point = np.concatenate([random.normal(size=8), np.zeros(8)])
        for view in range(3):
            noise = np.concatenate([random.normal(size=8) * 0.2, random.normal(size=8) * loud])
            name = f"p{product}-{view}"
            gallery.add(
                [entry(name, "jar", f"p{product}")],
                [described((point + noise).astype(np.float32).tolist())],
            )
    return gallery


def test_what_gains_is_stored_and_what_does_not_is_told(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        outcome = adapt_gallery(gallery)
        assert outcome.version == gallery.adapted_by() == 1
        assert gallery.check() == []
        report = outcome.report
        assert report.before is not None and report.after is not None
        assert report.after > report.before
        assert (report.images, report.products, report.photos) == (60, 20, 0)
        assert gallery.last_fit() == report == gallery.adaptations()[1]


def test_an_adaptation_keeps_which_photos_it_was_fitted_with(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        adapt_gallery(gallery, seen=frozenset({"b", "a"}))
    with open_gallery(tmp_path / "g") as opened:
        kept = opened.adaptation()
    assert kept is not None and kept.photos == {"a", "b"}
    with open_gallery(tmp_path / "g", write=True) as gallery:
        adapt_gallery(gallery)
        again = gallery.adaptation()
    assert again is not None and (again.photos, again.identity) == (frozenset(), kept.identity)


def test_where_nothing_gains_any_more_the_gallery_goes_without(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        adapt_gallery(gallery)
        gallery.remove([source.id for source in gallery.sources()][9:])
        outcome = adapt_gallery(gallery)
        assert outcome.version is None and gallery.adapted_by() is None
        assert gallery.last_fit() == outcome.report
        assert "3 products" in outcome.report.parts[0].why


def test_the_same_gallery_gives_the_same_adaptation(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        identities = []
        for _ in range(2):
            adapt_gallery(gallery)
            made = gallery.adaptation()
            assert made is not None
            identities.append(made.identity)
    assert identities[0] == identities[1]


def test_of_a_large_gallery_whole_products_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("offline.adapt.vectors.MOST_IMAGES", 36)
    seen: list[Vectors] = []
    fit = adapting.Fit

    def keep(gallery: Vectors, *rest: object) -> object:
        seen.append(gallery)
        return fit(gallery, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(adapting, "Fit", keep)
    with filled(tmp_path / "g") as gallery:
        adapt_gallery(gallery)
    (vectors,) = seen
    assert len(vectors) == 36
    assert np.bincount(vectors.products, minlength=20).tolist().count(3) == 12


def test_an_empty_gallery_is_refused(tmp_path: Path) -> None:
    gallery = open_gallery(tmp_path / "g", manifest=manifest())
    with gallery, pytest.raises(ConfigError, match="empty"):
        adapt_gallery(gallery)


def test_a_fit_is_due_where_the_gallery_has_changed_by_a_tenth(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        assert is_due(gallery)
        adapt_gallery(gallery)
        assert not is_due(gallery)
    with filled(tmp_path / "g", products=2, start=20) as gallery:
        assert not is_due(gallery)
    with filled(tmp_path / "g", products=1, start=22) as gallery:
        assert is_due(gallery)


def test_what_a_person_did_with_photos_is_left_with_the_command_to_do_it_anew(
    tmp_path: Path,
) -> None:
    with filled(tmp_path / "g") as gallery:
        photos = Vectors(
            np.eye(DIMENSION, dtype=np.float32),
            np.full(DIMENSION, -1),
            np.ones(DIMENSION, np.bool_),
        )
        adapt_gallery(gallery, photos)
    with filled(tmp_path / "g", products=3, start=20) as gallery:
        (note,) = adapt_where_due(gallery)
        assert note.endswith(f"packsight adapt {gallery.name} --photos PHOTOS")
        gallery.calibrate(calibration())
        (note,) = adapt_where_due(gallery)
        assert f"packsight calibrate --gallery {gallery.name} --photos PHOTOS" in note


def test_where_a_person_decided_to_go_without_none_is_due(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        gallery.adapt_by(None, off=True)
        assert gallery.adapting_is_off() and not is_due(gallery)
        adapt_gallery(gallery)
        assert not gallery.adapting_is_off()


def test_an_adaptation_that_is_kept_is_not_stored_again(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        versions = [adapt_gallery(gallery).version for _ in range(3)]
        assert versions == [1, 1, 1] and list(gallery.adaptations()) == [1]


@pytest.fixture
def adapted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images a gallery had whenever an ingest adapted it."""
    counts: list[int] = []
    real = adapting.adapt_gallery

    def adapt(gallery: LocalGallery, **given: object) -> object:
        counts.append(len(gallery))
        return real(gallery, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(adapting, "adapt_gallery", adapt)
    return counts


def test_an_ingest_adapts_where_enough_has_changed(tmp_path: Path, adapted: list[int]) -> None:
    catalogue, made = tmp_path / "c", tmp_path / "g"
    write_catalogue(catalogue, products=1)
    ingest(catalogue, made, overrides=QUICK)
    ingest(catalogue, made, overrides=QUICK)
    assert adapted == [6]
    write_catalogue(catalogue, products=2)
    ingest(catalogue, made, overrides=QUICK, adapt=False)
    assert adapted == [6]
    (catalogue / "jar/p0/v0.png").unlink()
    ingest(catalogue, made, overrides=QUICK, prune=True)
    assert adapted == [6, 11]


def test_what_a_stopped_ingest_did_not_adapt_the_next_one_does(
    tmp_path: Path, adapted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_catalogue(tmp_path / "c", products=1)
    with monkeypatch.context() as stopped:
        stopped.setattr(adapting, "is_due", _interrupted)
        assert ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK).interrupted
    assert adapted == []
    assert ingest(tmp_path / "c", tmp_path / "g", overrides=QUICK).unchanged == 6
    assert adapted == [6]


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("how", ["off", "paper's way", "calibrated"])
def test_an_ingest_leaves_alone_what_was_decided_otherwise(
    tmp_path: Path, adapted: list[int], how: str
) -> None:
    catalogue, made = tmp_path / "c", tmp_path / "g"
    write_catalogue(catalogue, products=1)
    if how == "calibrated":
        ingest(catalogue, made, overrides=QUICK, adapt=False)
        with open_gallery(made, write=True) as gallery:
            gallery.calibrate(calibration())
        write_catalogue(catalogue, products=2)
        report = ingest(catalogue, made, overrides=QUICK)
        assert any("packsight calibrate" in note for note in report.notes)
    else:
        off = [] if how == "off" else ["adapt.auto=false"]
        ingest(catalogue, made, overrides=[*QUICK, *off], adapt=how != "off")
    assert adapted == []


@pytest.fixture(scope="module")
def never_adapted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("never")
    write_catalogue(folder / "c", products=1)
    ingest(folder / "c", folder / "g", overrides=QUICK, workers=1, adapt=False)
    write_catalogue(folder / "c", products=2)
    return folder


def with_settings(gallery: Path, adapt: dict[str, bool] | None, *, hard: bool) -> None:
    """As if it had been made with these; None: before galleries were adapted."""
    with sqlite3.connect(gallery / "gallery.sqlite") as database:
        sql = "SELECT value FROM manifest WHERE key = 'settings'"
        settings = json.loads(database.execute(sql).fetchone()[0])
        del settings["adapt"]
        settings |= {} if adapt is None else {"adapt": adapt}
        settings["route"]["hard"] = hard
        sql = "UPDATE manifest SET value = ? WHERE key = 'settings'"
        database.execute(sql, (json.dumps(settings),))


@pytest.mark.parametrize("how", ["of before", "hard routing", "off", "--no-adapt", "new"])
def test_an_ingest_into_a_gallery_of_before_shows_how_to_gain(
    never_adapted: Path, tmp_path: Path, how: str
) -> None:
    made = Path(shutil.copytree(never_adapted / "g", tmp_path / "g"))
    with_settings(made, {"auto": False} if how == "new" else None, hard=how == "hard routing")
    if how == "off":
        with open_gallery(made, write=True) as gallery:
            gallery.adapt_by(None, off=True)
    with open_gallery(made) as gallery:
        assert bool(adapting.how_to_gain(gallery)) == (how != "off")
    report = ingest(never_adapted / "c", made, workers=1, adapt=how != "--no-adapt")
    told = [note for note in report.notes if f"packsight adapt {made}" in note]
    assert len(told) == (how == "of before")


def test_families_are_those_that_the_curator_named(tmp_path: Path) -> None:
    with LocalGallery.open_or_create(tmp_path / "g", manifest(2)) as gallery:
        for name, family in (("a", "f"), ("b", "f"), ("c", ""), ("d", ""), ("e", "g")):
            given = replace(entry(name, "jar", name), attributes={"family": family})
            gallery.add([given], [described([1.0, 2.0])])
        _, vectors, _ = read_vectors(gallery, 0)
    assert vectors.family is not None
    assert vectors.family.tolist() == [0, 0, 1, 2, 3]

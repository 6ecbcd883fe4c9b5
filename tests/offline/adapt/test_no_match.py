"""What adapting does about "no match", on galleries that were made of vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.galleries.local import LocalGallery
from engine.search import Searcher
from engine.types import Entry
from offline.adapt.answers import images_of_products
from offline.adapt.gallery import adapt_gallery
from offline.adapt.judging import Vectors
from offline.adapt.no_match import Given, fit_no_match
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import described
from tests.offline.adapt.test_adapt_gallery import filled
from tests.offline.adapt.test_left_out import searcher


def serving(gallery: LocalGallery) -> Searcher:
    return replace(searcher(gallery), identity="search")


def mark(gallery: LocalGallery) -> None:
    """The last image of every product as a photo of a user."""
    last = {source.product_id: source for source in gallery.sources()}
    gallery.amend(
        {
            source.id: Entry(
                uri=source.uri,
                sha256=source.sha256,
                size=source.size,
                mtime_ns=source.mtime_ns,
                product_id=source.product_id,
                category="jar",
                attributes={"role": "photo"},
            )
            for source in last.values()
        }
    )


def test_by_photos_that_took_part_matches_are_likely_and_nothing_is_refused(
    tmp_path: Path,
) -> None:
    with filled(tmp_path / "g", products=24, loud=0.5) as gallery:
        mark(gallery)
        adapt_gallery(gallery)
        part = fit_no_match(gallery, lambda: serving(gallery))
        made = gallery.calibration()
        assert part.taken and made is not None
        assert (made.source, made.automatic, made.absent_below) == ("photos", True, None)
        assert made.figures.present == made.figures.absent == 24
        assert made.identity == serving(gallery).answering()
        assert "--photos" in made.warnings()[0]


def test_by_given_photos_of_known_products(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    with filled(tmp_path / "g", products=24, loud=0.5) as gallery:
        known, rows = [], []
        for ids in images_of_products(gallery).values():
            (record,) = gallery.records([min(ids)])
            row = record.description.embedding.vector + random.normal(size=16) * 0.1
            rows.append(row.astype(np.float32))
            known.append(described(row.tolist()))
        photo = np.ones(len(rows), np.bool_)
        vectors = Vectors(np.stack(rows), np.arange(len(rows)), photo)
        adapt_gallery(gallery, vectors)
        part = fit_no_match(gallery, lambda: serving(gallery), Given(vectors, known))
        made = gallery.calibration()
        assert part.taken and made is not None and made.source == "photos" and made.automatic


def test_without_photos_a_calibration_by_views_alone_is_made_anew(tmp_path: Path) -> None:
    with filled(tmp_path / "g", products=24, loud=0.5) as gallery:
        adapt_gallery(gallery)
        part = fit_no_match(gallery, lambda: serving(gallery))
        assert not part.taken and gallery.calibration() is None
        held = calibration(identity="search-of before", source="views")
        gallery.calibrate(held.model_copy(update={"false_accepts": 0.1}))
        part = fit_no_match(gallery, lambda: serving(gallery))
        made = gallery.calibration()
        assert part.taken and made is not None
        assert (made.identity, made.false_accepts) == (serving(gallery).answering(), 0.1)
        assert (made.source, made.automatic) == ("views", False)


@pytest.mark.parametrize("identity", ["search-of before", "other settings"])
def test_what_a_person_calibrated_otherwise_is_left_alone(tmp_path: Path, identity: str) -> None:
    source = "photos" if identity.startswith("search") else "views"
    with filled(tmp_path / "g", products=24, loud=0.5) as gallery:
        adapt_gallery(gallery)
        held = calibration(identity=identity, source="photos" if source == "photos" else "views")
        gallery.calibrate(held)
        part = fit_no_match(gallery, lambda: serving(gallery))
        assert not part.taken and gallery.calibration() == held


def test_where_nothing_can_be_searched_or_told_apart_the_part_is_not_taken(tmp_path: Path) -> None:
    def broken() -> Searcher:
        raise ConfigError("weights are missing.")

    with filled(tmp_path / "g", products=12, loud=9) as gallery:
        mark(gallery)
        adapt_gallery(gallery)
        assert fit_no_match(gallery, broken).why == "weights are missing"
        assert not fit_no_match(gallery, lambda: serving(gallery)).taken
        assert gallery.calibration() is None

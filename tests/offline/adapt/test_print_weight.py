"""Galleries whose siblings share their print, and galleries whose print tells products apart."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptation import Part, PrintWeight
from engine.config import QuerySettings, RouteSettings, Tables
from engine.galleries import _schema
from engine.galleries.local import LocalGallery
from engine.search import Searcher
from engine.types import Description
from engine.verification import weight_of
from offline.adapt.gallery import adapt_gallery
from offline.adapt.judging import Vectors
from offline.adapt.vectors import product_numbers
from stages.context import BuildContext
from stages.keypoints import sift
from stages.rerank.none import Options, build
from tests.engine.fake_parts import fake_describer
from tests.engine.made_descriptions import described, entry, manifest
from tests.engine.made_keypoints import label

DIMENSION = 8
PRODUCTS = 24
VIEWS = 3


def view(product: int, seed: int, *, shared: bool) -> Description:
    """Vectors tell most products apart. With ``shared`` print, the same view of two siblings bears
    one label; else a label is that of a product."""
    point = np.random.default_rng(product).normal(size=DIMENSION)
    vector = point + np.random.default_rng((product, seed)).normal(size=DIMENSION) * 0.6
    print_of = label(1000 * (product // 2) + seed) if shared else label(product, seed, 30)
    made = described(vector.astype(np.float32).tolist())
    return replace(made, keypoints=print_of)


def filled(folder: Path, *, shared: bool, products: int = PRODUCTS, **options: object) -> Path:
    settings: Tables = {
        "rerank": {"name": "none"},
        "keypoints": {"name": "sift", **options},
    }
    with LocalGallery.create(folder, replace(manifest(DIMENSION), settings=settings)) as gallery:
        for product in range(products):
            for seed in range(VIEWS):
                name = f"p{product}-{seed}"
                made = view(product, seed, shared=shared)
                gallery.add([entry(name, "jar", f"p{product}")], [made])
    return folder


def adapted(folder: Path, photos: list[tuple[int, Description]] | None = None) -> Part:
    with LocalGallery.open(folder, write=True) as gallery:
        if photos is None:
            outcome = adapt_gallery(gallery)
        else:
            numbers = product_numbers(gallery)
            vectors = Vectors(
                np.stack([photo.embedding.vector for _, photo in photos]),
                np.array([numbers[f"p{product}"] for product, _ in photos]),
                np.ones(len(photos), np.bool_),
            )
            outcome = adapt_gallery(gallery, vectors, described=[photo for _, photo in photos])
    return next(part for part in outcome.report.parts if part.name == "print")


def taught(folder: Path) -> PrintWeight | None:
    with LocalGallery.open(folder) as gallery:
        adaptation = gallery.adaptation()
        return None if adaptation is None else adaptation.print_weight


def firsts(folder: Path, weight: float = 2, *, exhaustive: bool = False) -> list[list[str]]:
    """The two first images for a new view of every product."""
    with LocalGallery.open(folder) as gallery:
        matcher = sift.build(sift.Options(weight=weight), BuildContext())
        searcher = Searcher(
            replace(fake_describer(), keypoints=matcher),
            gallery,
            build(Options(), BuildContext()),
            RouteSettings(),
            normalised=False,
            query=QuerySettings(exhaustive=exhaustive),
        )
        found = []
        for product in range(PRODUCTS):
            print_of = label(1000 * (product // 2))
            query = replace(view(product, 7, shared=True), keypoints=print_of)
            found.append([hit.record.uri for hit in searcher.rank(query).images[:2]])
    return found


@pytest.fixture(scope="module")
def siblings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = filled(tmp_path_factory.mktemp("siblings") / "g", shared=True)
    part = adapted(folder)
    assert part.taken and part.low is not None and part.low > 0
    return folder


def test_print_that_siblings_share_weighs_nothing(siblings: Path) -> None:
    assert taught(siblings) == PrintWeight(weight=0, instead_of=2, least=5, checked=20)


def test_print_that_tells_products_apart_keeps_its_weight(tmp_path: Path) -> None:
    part = adapted(filled(tmp_path / "g", shared=False))
    assert not part.taken and part.gain is not None and part.gain <= 0
    assert taught(tmp_path / "g") is None


def test_a_taught_weight_is_that_of_every_search_but_for_one_with_another_set(
    siblings: Path,
) -> None:
    taught = firsts(siblings)
    assert taught == firsts(siblings, exhaustive=True) == firsts(siblings, weight=0)
    assert taught != firsts(siblings, weight=1.5)


def test_given_photos_judge_in_place_of_views(tmp_path: Path) -> None:
    folder = filled(tmp_path / "g", shared=True)
    photos = [
        (product, replace(view(product, seed, shared=True), keypoints=label(9000 + product)))
        for product in range(PRODUCTS)
        for seed in (7, 8)
    ]
    part = adapted(folder, photos)
    assert not part.taken and "photos" in part.why and taught(folder) is None


@pytest.mark.parametrize(
    ("products", "options", "reason"),
    [(6, {}, "6 products"), (12, {"checked": 0}, "no keypoints"), (12, {"weight": 0}, "weight 0")],
)
def test_without_products_to_judge_by_or_a_weight_to_lower_it_stays(
    tmp_path: Path, products: int, options: dict[str, float], reason: str
) -> None:
    folder = filled(tmp_path / "g", shared=True, products=products, **options)
    part = adapted(folder)
    assert not part.taken and reason in part.why and taught(folder) is None


def test_answers_by_another_weight_of_print_have_another_identity(siblings: Path) -> None:
    with LocalGallery.open(siblings, write=True) as gallery:
        made, version = gallery.adaptation(), gallery.adapted_by()
        assert made is not None and version is not None
        as_before = replace(made, print_weight=None)
        assert as_before.identity != made.identity
        assert gallery.adapt(as_before) != version
        gallery.adapt_by(version)
        again = gallery.adaptation()
        assert again is not None and again.print_weight == made.print_weight


def test_adaptations_of_before_weigh_print_as_configured(tmp_path: Path) -> None:
    folder = filled(tmp_path / "g", shared=True)
    adapted(folder)
    with sqlite3.connect(folder / "gallery.sqlite") as database:
        database.execute("ALTER TABLE adaptations DROP COLUMN print_weight")
        before = _schema.MIGRATIONS.index(_schema._add_print_weights)
        database.execute(f"PRAGMA user_version = {before}")
    database.close()
    assert taught(folder) is None
    matcher = sift.build(sift.Options(), BuildContext())
    with LocalGallery.open(folder) as gallery:
        assert gallery.adaptation() is not None
        assert weight_of(matcher, gallery.adaptation()) == 2
    assert adapted(folder).taken and taught(folder) is not None

"""Galleries whose vectors and contours cannot tell two products apart, and whose print can."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptation import Part
from engine.config import RouteSettings, Tables
from engine.galleries.local import LocalGallery
from engine.search import Searcher
from engine.types import Description, Hit
from offline.adapt.gallery import adapt_gallery
from offline.adapt.judging import Vectors
from offline.adapt.no_match import Given, fit_no_match
from offline.adapt.vectors import product_numbers
from stages.context import BuildContext
from stages.keypoints import sift
from stages.rerank._gallery_fusion import GalleryFusion, feature_names, fused
from stages.rerank.none import Options, build
from tests.engine.fake_parts import fake_describer
from tests.engine.made_descriptions import entry, manifest
from tests.engine.made_keypoints import label
from tests.offline.adapt.test_fusion import DIMENSION, PRODUCTS, view

BLIND = 0.0  # a weight of print by which verification alone changes no order


def printed(product: int, seed: int) -> Description:
    """A fifth of the photos show another side."""
    of = product if (product + seed) % 5 else 1000 + product
    return replace(view(product, seed, apart=False), keypoints=label(of, seed, 25))


def adapted(folder: Path, weight: float, *, calibrates: bool = False) -> Mapping[str, Part]:
    """A gallery of one image a product, adapted with three photos of each; by part."""
    settings: Tables = {
        "rerank": {"name": "none"},
        "keypoints": {"name": "sift", "weight": weight},
    }
    with LocalGallery.create(folder, replace(manifest(DIMENSION), settings=settings)) as gallery:
        for product in range(PRODUCTS):
            image = replace(view(product, 0, apart=False), keypoints=label(product))
            gallery.add([entry(f"p{product}", "jar", f"p{product}")], [image])
        numbers = product_numbers(gallery)
        shown = [(product, seed) for product in range(PRODUCTS) for seed in (1, 2, 3)]
        photos = [printed(product, seed) for product, seed in shown]
        vectors = Vectors(
            np.stack([photo.embedding.vector for photo in photos]),
            np.array([numbers[f"p{product}"] for product, _ in shown]),
            np.ones(len(photos), np.bool_),
        )
        outcome = adapt_gallery(gallery, vectors, described=photos)
        if calibrates:
            given, serving = Given(vectors, photos), searcher_of(gallery, weight)
            outcome = outcome.with_part(fit_no_match(gallery, lambda: serving, given))
        return {one.name: one for one in outcome.report.parts}


def searcher_of(gallery: LocalGallery, weight: float, *, compares: bool = True) -> Searcher:
    matcher = sift.build(sift.Options(weight=weight), BuildContext()) if compares else None
    return Searcher(
        replace(fake_describer(), keypoints=matcher),
        gallery,
        build(Options(), BuildContext()),
        RouteSettings(),
        normalised=False,
        identity="by print",
        fusing=fused,
    )


def firsts(folder: Path, weight: float, *, compares: bool = True) -> list[tuple[str, Hit]]:
    """Of new photos, each with its product."""
    with LocalGallery.open(folder) as gallery:
        searcher = searcher_of(gallery, weight, compares=compares)
        assert isinstance(searcher.ranks_by, GalleryFusion) == (compares and weight == BLIND)
        return [
            (f"p{product}", searcher.rank(printed(product, 7)).products[0])
            for product in range(PRODUCTS)
        ]


def fraction(found: list[tuple[str, Hit]]) -> float:
    return float(np.mean([hit.record.product_id == product for product, hit in found]))


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learned") / "g"
    part = adapted(folder, BLIND)["fusion"]
    assert part.taken and "print" in part.why and part.low is not None and part.low > 0
    return folder


def test_print_is_a_column_of_the_fusion_where_that_gains(learned: Path) -> None:
    with LocalGallery.open(learned) as gallery:
        adaptation = gallery.adaptation()
        assert adaptation is not None and adaptation.fusion is not None
        assert tuple(adaptation.fusion.model.terms) == feature_names({}, prints=True)
        assert adaptation.fusion.model.terms["print"].weight > 0
    assert fraction(firsts(learned, BLIND)) > 0.75
    assert fraction(firsts(learned, BLIND, compares=False)) < 0.65


def test_evidence_that_was_fused_is_counted_and_named_once(learned: Path) -> None:
    shown = [hit for _, hit in firsts(learned, BLIND) if hit.match and hit.match.inliers > 10]
    assert len(shown) > PRODUCTS / 2
    for hit in shown:
        assert hit.why.count("fusion") == 1
        assert hit.why.count("matching places") == 1


def test_where_verification_does_as_well_it_stays_and_no_match_weighs_print(tmp_path: Path) -> None:
    parts = adapted(tmp_path / "g", 1.0, calibrates=True)
    assert not parts["fusion"].taken
    assert fraction(firsts(tmp_path / "g", 1.0)) > 0.75
    assert parts["no match"].taken
    with LocalGallery.open(tmp_path / "g") as gallery:
        made = gallery.calibration()
    assert made is not None and made.model.weighs_print
    assert made.figures.auroc > 0.8

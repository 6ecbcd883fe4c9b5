"""Galleries whose vectors cannot tell two products apart, and whose contours can, or cannot."""

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
from engine.types import (
    CONTOUR_SIDE,
    BoolArray,
    CategoryScores,
    Contour,
    Description,
    Embedding,
    MatteQuality,
)
from offline.adapt.gallery import Outcome, adapt_gallery
from offline.adapt.judging import Vectors
from offline.adapt.vectors import product_numbers
from stages.context import BuildContext
from stages.rerank._gallery_fusion import fused
from stages.rerank.none import Options, build
from tests.engine.fake_parts import fake_describer
from tests.engine.made_descriptions import entry, manifest

DIMENSION = 12
PRODUCTS = 24
TWINS = 2  # products with one vector


def mask(width: float, tilt: float) -> BoolArray:
    """An ellipse whose width over height tells products apart."""
    y, x = np.mgrid[-1 : 1 : CONTOUR_SIDE * 1j, -1 : 1 : CONTOUR_SIDE * 1j]
    return np.asarray((x / width + tilt * y) ** 2 + (y / 0.9) ** 2 <= 1)


def view(product: int, seed: int, apart: bool) -> Description:
    """``apart``: whether the contour is that of the product, or of any."""
    random = np.random.default_rng((product, seed))
    point = np.random.default_rng(product // TWINS).normal(size=DIMENSION)
    vector = point + 0.3 * random.normal(size=DIMENSION)
    of = product if apart else int(random.integers(PRODUCTS))
    contour = Contour.from_mask(mask(0.3 + 0.5 * (of % TWINS), random.normal() * 0.05))
    return Description(
        CategoryScores.certain("jar"),
        Embedding(vector.astype(np.float32)),
        contour,
        contour,
        MatteQuality(),
    )


def adapted(
    folder: Path,
    *,
    apart: bool,
    contours: bool = True,
    known: bool = True,
    rerank: str = "none",
) -> Outcome:
    """A gallery of one image a product, adapted with three photos of each."""
    settings: Tables = {"rerank": {"name": rerank}}
    with LocalGallery.create(folder, replace(manifest(DIMENSION), settings=settings)) as gallery:
        for product in range(PRODUCTS):
            gallery.add([entry(f"p{product}", "jar", f"p{product}")], [view(product, 0, apart)])
        numbers = product_numbers(gallery)
        shown = [(product, seed) for product in range(PRODUCTS) for seed in (1, 2, 3)]
        photos = [view(product, seed, apart) for product, seed in shown]
        vectors = Vectors(
            np.stack([photo.embedding.vector for photo in photos]),
            np.array([numbers[f"p{product}"] if known else -1 for product, _ in shown]),
            np.ones(len(photos), np.bool_),
        )
        return adapt_gallery(gallery, vectors, described=photos if contours else ())


def part(outcome: Outcome) -> Part:
    return next(one for one in outcome.report.parts if one.name == "fusion")


def first_right(folder: Path, *, fusing: bool) -> float:
    """The fraction of new photos whose product comes first."""
    with LocalGallery.open(folder) as gallery:
        searcher = Searcher(
            fake_describer(),
            gallery,
            build(Options(), BuildContext()),
            RouteSettings(),
            normalised=False,
            fusing=fused if fusing else lambda *_: None,
        )
        asked = [(product, seed) for product in range(PRODUCTS) for seed in (7, 8)]
        found = [searcher.rank(view(*one, apart=True)).products[0] for one in asked]
    pairs = zip(found, asked, strict=True)
    right = [hit.record.product_id == f"p{product}" for hit, (product, _) in pairs]
    return float(np.mean(right))


def test_what_contours_tell_of_photos_is_fused_and_helps_new_photos(tmp_path: Path) -> None:
    outcome = adapted(tmp_path / "g", apart=True)
    assert part(outcome).taken
    low, high = part(outcome).low, part(outcome).high
    assert low is not None and high is not None and 0 < low < high
    before, after = (first_right(tmp_path / "g", fusing=fusing) for fusing in (False, True))
    assert after > before + 0.2


def test_a_fusion_is_kept_and_gone_back_to(tmp_path: Path) -> None:
    version = adapted(tmp_path / "g", apart=True).version
    with LocalGallery.open(tmp_path / "g", write=True) as gallery:
        made = gallery.adaptation()
        assert version is not None and made is not None and made.fusion is not None
        assert gallery.check() == []
        without = gallery.adapt(replace(made, fusion=None))
        assert without != version
        gallery.adapt_by(version)
        again = gallery.adaptation()
        assert again is not None and again.fusion == made.fusion
        assert again.identity == made.identity
        assert replace(made, fusion=None).identity != made.identity


def test_contours_that_tell_nothing_leave_the_order_as_it_was(tmp_path: Path) -> None:
    outcome = adapted(tmp_path / "g", apart=False)
    assert not part(outcome).taken
    with LocalGallery.open(tmp_path / "g") as gallery:
        made = gallery.adaptation()
        assert made is None or made.fusion is None


def test_a_reranker_that_loses_gives_way_to_similarity_alone(tmp_path: Path) -> None:
    outcome = adapted(tmp_path / "g", apart=False, rerank="contour_iou")
    assert part(outcome).taken
    with LocalGallery.open(tmp_path / "g") as gallery:
        made = gallery.adaptation()
        assert made is not None and made.fusion is not None and made.fusion.top_n == 0


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"known": False}, "needs"),
        ({"contours": False}, "contours of the photos"),
        ({"rerank": "no such stage"}, "no such stage"),
    ],
)
def test_where_it_cannot_be_fitted_the_reason_is_told(
    tmp_path: Path, changed: Mapping[str, object], why: str
) -> None:
    outcome = adapted(tmp_path / "g", apart=True, **changed)  # type: ignore[arg-type]
    assert not part(outcome).taken and why in part(outcome).why


def test_the_same_photos_give_the_same_fusion(tmp_path: Path) -> None:
    identities = set()
    for name in ("a", "b"):
        adapted(tmp_path / name, apart=True)
        with LocalGallery.open(tmp_path / name) as gallery:
            made = gallery.adaptation()
            assert made is not None
            identities.add(made.identity)
    assert len(identities) == 1

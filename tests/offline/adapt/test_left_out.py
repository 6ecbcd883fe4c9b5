"""An answer about an absent product comes from a projection that has not seen it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from engine.config import RouteSettings
from engine.galleries.local import LocalGallery
from engine.search import Searcher
from offline.adapt.answers import view_answers
from offline.adapt.fit import Fit
from offline.adapt.gallery import adapt_gallery
from offline.adapt.judging import Vectors, queries_of
from offline.adapt.left_out import FOLDS, search_of
from stages.context import BuildContext
from stages.rerank.none import Options, build
from tests.engine.fake_parts import fake_describer
from tests.offline.adapt.test_adapt_gallery import filled


def searcher(gallery: LocalGallery) -> Searcher:
    reranker = build(Options(), BuildContext())
    return Searcher(fake_describer(), gallery, reranker, RouteSettings(), normalised=False)


def test_every_product_has_a_search_by_a_projection_without_it(tmp_path: Path) -> None:
    with filled(tmp_path / "g") as gallery:
        serving = searcher(gallery)
        assert search_of(serving, gallery, 0).without("p3") is serving  # nothing was fitted
        adapt_gallery(gallery)
        search = search_of(serving, gallery, 0)
        own = gallery.adaptation()
        assert own is not None and len(search.folds) == FOLDS
        made = [fold.gallery.adaptation() for fold in search.folds]
        assert len({one.identity for one in made if one is not None} | {own.identity}) == FOLDS + 1
        assert search.without("p3") in search.folds
        assert search.without("of another world") is search.serving is serving
        (image, *_) = gallery.find(product_id="p3")
        (record,) = gallery.records([image.id])
        without = {source.id for source in gallery.find(product_id="p3")}
        found = search.without("p3").rank(record.description, 5, without=without).products
        assert len(found) >= 5 and "p3" not in {hit.record.product_id for hit in found}


def test_where_no_projection_can_do_without_a_product_a_note_is_left(tmp_path: Path) -> None:
    """As where it was fitted to photos, of products with one image each."""
    with filled(tmp_path / "g") as gallery:
        adapt_gallery(gallery)
        firsts = {source.product_id: source.id for source in gallery.sources()}
        gallery.remove([one.id for one in gallery.sources() if one.id not in firsts.values()])
        serving = searcher(gallery)
        search = search_of(serving, gallery, 0)
    assert search.note and search.without("p3") is serving


def test_the_answers_about_absent_products_are_nearer_than_one_that_knew_them(
    tmp_path: Path,
) -> None:
    """What is fitted to a product draws it away from its neighbours."""
    with filled(tmp_path / "g", products=24, loud=1.5) as gallery:
        adapt_gallery(gallery)
        serving = searcher(gallery)
        search = search_of(serving, gallery, 0)
        best = []
        for one in (search, type(search)(serving)):
            answers = view_answers(one, gallery, 0, lambda done, total: None).answers
            rows = [answer.features[0, 0] for answer in answers if not answer.present]
            best.append(float(np.mean(rows)))
    assert best[0] > best[1]


def test_labels_of_products_left_out_do_not_matter() -> None:
    random = np.random.default_rng(3)
    products = np.repeat(np.arange(30), 3)
    rows = (random.normal(size=(30, 12))[products] + random.normal(size=(90, 12))).astype("float32")
    left_out = np.arange(30) < 8
    swapped = np.where(products < 8, 7 - products, products)
    found = []
    for labels in (products, swapped):
        vectors = Vectors(rows, labels)
        fit = Fit(vectors, None, queries_of(vectors, None, 0))
        settings = {"dimension": 8, "shrinkage": 0.2}
        (space,) = fit.without(settings, [left_out])
        assert space.projection is not None
        found.append(space.projection)
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)

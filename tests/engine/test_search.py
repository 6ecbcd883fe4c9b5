"""A photo to results, with parts so small that the answers are plain."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptation import Adaptation
from engine.config import QuerySettings, RouteSettings
from engine.distances import Metric
from engine.errors import ConfigError, GalleryError
from engine.galleries.local import LocalGallery
from engine.manifest import Manifest
from engine.search import Searcher
from engine.types import Description, Hit, RGBImage
from stages.context import BuildContext
from stages.rerank.none import Options, build
from tests.engine.fake_parts import Reversed, fake_describer, plain_image
from tests.engine.made_adaptations import adaptation
from tests.engine.made_calibrations import calibration
from tests.engine.made_descriptions import entry


@pytest.fixture
def gallery(tmp_path: Path) -> Iterator[LocalGallery]:
    with LocalGallery.create(tmp_path / "g", Manifest("f" * 64, 3, normalised=False)) as opened:
        yield opened


def put(
    gallery: LocalGallery, name: str, image: RGBImage, product: str, category: str = "dark"
) -> None:
    described = fake_describer().describe([image], [category])[0].description
    gallery.add([entry(name, category, product)], [described])


def searcher(gallery: LocalGallery, routing: RouteSettings | None = None) -> Searcher:
    reranker = build(Options(), BuildContext())
    return Searcher(
        fake_describer(), gallery, reranker, routing or RouteSettings(), normalised=False
    )


def products(found: Searcher, image: RGBImage, k: int = 10) -> list[str]:
    return [hit.record.product_id for hit in found.search(image, k).hits]


def test_an_image_finds_itself_first(gallery: LocalGallery) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red), f"p{red}")
    results = searcher(gallery).search(plain_image(40), k=3)
    assert [hit.record.product_id for hit in results.hits] == ["p40", "p30", "p50"]
    assert [hit.rank for hit in results.hits] == [1, 2, 3]
    assert [hit.distance for hit in results.hits] == [0, 10, 10]
    assert [hit.score for hit in results.hits] == [1, 1 / 11, 1 / 11]
    assert results.fingerprint == "f" * 64
    assert not results.no_match


def test_a_product_is_shown_once_by_its_best_view(gallery: LocalGallery) -> None:
    for red in (10, 14, 11, 40):
        put(gallery, str(red), plain_image(red), "cream" if red < 40 else "balm")
    results = searcher(gallery).search(plain_image(12), k=5)
    first, second = results.hits
    assert (first.record.uri, first.views) == ("/pictures/11.jpg", 3)
    assert (second.record.product_id, second.rank, second.views) == ("balm", 2, 1)


def test_k_products_are_found_even_behind_a_hundred_views_of_one(gallery: LocalGallery) -> None:
    for number in range(100):
        put(gallery, f"many-{number}", plain_image(50, number % 3), "many")
    for number in range(6):
        put(gallery, f"few-{number}", plain_image(70 + number), f"few{number}")
    found = products(searcher(gallery), plain_image(50), k=4)
    assert found == ["many", "few0", "few1", "few2"]
    assert len(products(searcher(gallery), plain_image(50), k=100)) == 7


def test_a_reranker_permutes_and_every_product_stays(gallery: LocalGallery) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red), f"p{red}")
    plain = searcher(gallery)
    turned = replace(plain, reranker=Reversed(top_n=3))
    assert products(plain, plain_image(0), 5) == ["p0", "p10", "p20", "p30", "p40"]
    assert products(turned, plain_image(0), 5) == ["p20", "p10", "p0", "p30", "p40"]
    ranks = [hit.rank for hit in turned.search(plain_image(0), 5).hits]
    assert ranks == [1, 2, 3, 4, 5]


def test_a_reranker_sees_its_top_n_even_when_one_product_is_asked_for(
    gallery: LocalGallery,
) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red), f"p{red}")
    turned = replace(searcher(gallery), reranker=Reversed(top_n=9))
    assert products(turned, plain_image(0), 1) == ["p80"]


def test_only_the_routed_categories_are_searched(gallery: LocalGallery) -> None:
    put(gallery, "a", plain_image(9), "near", "light")
    put(gallery, "b", plain_image(90), "far", "dark")
    hard = searcher(gallery, RouteSettings(hard=True))
    assert products(hard, plain_image(8)) == ["far"]
    results = hard.search(plain_image(8), categories=["light"])
    assert [hit.record.product_id for hit in results.hits] == ["near"]
    assert results.route.why == "as requested"
    unsure = searcher(gallery, RouteSettings(unsure_below=1.0))
    assert products(unsure, plain_image(8)) == ["near", "far"]


def test_the_time_of_every_stage_is_told(gallery: LocalGallery) -> None:
    put(gallery, "a", plain_image(9), "p")
    timings = searcher(gallery).search(plain_image(9)).timings
    assert list(timings) == [
        *["segment", "cutout", "embed", "classify", "outline"],
        *["route", "retrieve", "records", "rerank"],
    ]


def test_what_cannot_be_asked_is_said_before_anything_is_described(gallery: LocalGallery) -> None:
    asked = searcher(gallery)
    with pytest.raises(GalleryError, match="is empty"):
        asked.search(plain_image(1))
    put(gallery, "a", plain_image(9), "p")
    for k in (0, -1):
        with pytest.raises(ConfigError, match="at least one product"):
            asked.search(plain_image(1), k)
    with pytest.raises(ConfigError, match=r"unknown category 'x'\. The gallery holds: dark"):
        asked.search(plain_image(1), categories=["dark", "x"])


def test_the_score_of_normalised_vectors_is_their_cosine(gallery: LocalGallery) -> None:
    put(gallery, "a", plain_image(1), "p")
    cosine = replace(searcher(gallery), normalised=True)
    (hit,) = cosine.search(plain_image(2)).hits
    assert (hit.distance, hit.score) == (1.0, 0.5)


def test_expanding_by_none_is_the_plain_search(gallery: LocalGallery) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red, 5), f"p{red}")
    plain = searcher(gallery)
    none = replace(plain, query=QuerySettings(expand=0, expand_alpha=1.0))
    image = plain_image(40)
    pairs = zip(plain.search(image).hits, none.search(image).hits, strict=True)
    assert all((a.record.id, a.distance) == (b.record.id, b.distance) for a, b in pairs)
    assert "expand" not in none.search(image).timings


def test_an_expanded_query_stands_among_its_neighbours_and_names_nobody_twice(
    gallery: LocalGallery,
) -> None:
    for red in (50, 52, 54, 60, 90):
        put(gallery, str(red), plain_image(red), f"p{red}")
    asked = replace(searcher(gallery), query=QuerySettings(expand=2, expand_alpha=0.0))
    results = asked.search(plain_image(48), k=10)
    # The mean of 48, 50 and 52 is 50: its own record is found at no distance.
    found = [(hit.record.product_id, hit.distance) for hit in results.hits]
    assert found == [("p50", 0), ("p52", 2), ("p54", 4), ("p60", 10), ("p90", 40)]
    assert "expand" in results.timings
    assert results.query.embedding.vector.tolist() == [48, 0, 0]  # the photo's own


def test_one_neighbour_equal_to_the_query_changes_no_answer(gallery: LocalGallery) -> None:
    for red in (50, 52, 54):
        put(gallery, str(red), plain_image(red), f"p{red}")
    plain = searcher(gallery)
    asked = replace(plain, query=QuerySettings(expand=1))
    image = plain_image(50)
    pairs = zip(plain.search(image).hits, asked.search(image).hits, strict=True)
    assert all((a.record.id, a.distance) == (b.record.id, b.distance) for a, b in pairs)


def test_a_query_expands_within_the_routed_categories_alone(gallery: LocalGallery) -> None:
    put(gallery, "a", plain_image(50), "own", "dark")
    put(gallery, "b", plain_image(10), "far", "dark")
    put(gallery, "c", plain_image(40), "other", "light")
    asked = replace(searcher(gallery), query=QuerySettings(expand=1, expand_alpha=0.0))
    results = asked.search(plain_image(40), categories=["dark"])
    assert [(h.record.product_id, h.distance) for h in results.hits] == [("own", 5), ("far", 35)]


def test_an_augmented_query_is_embedded_as_the_mean_of_its_views(gallery: LocalGallery) -> None:
    put(gallery, "a", plain_image(100), "p")
    asked = replace(searcher(gallery), query=QuerySettings(augment=True))
    (hit,) = asked.search(plain_image(100)).hits
    assert hit.distance == pytest.approx((115 - 100) / 6)  # one view of six is brighter


@pytest.mark.parametrize(
    ("metric", "best", "distance", "score"),
    [
        ("euclidean", "near", 10.0, 1 / 11),
        ("cosine", "alike", 0.0, 1.0),
        ("inner_product", "alike", -100.0 * 200 - 50 * 100, 25_000.0),
    ],
)
def test_the_metric_decides_the_order_and_higher_scores_are_better(
    gallery: LocalGallery, metric: Metric, best: str, distance: float, score: float
) -> None:
    put(gallery, "a", plain_image(100, 60), "near")
    put(gallery, "b", plain_image(200, 100), "alike")
    asked = replace(searcher(gallery), metric=metric)
    first, second = asked.search(plain_image(100, 50)).hits
    assert first.record.product_id == best
    assert (first.distance, first.score) == (
        pytest.approx(distance, abs=1e-6),
        pytest.approx(score, abs=1e-6),
    )
    assert first.score > second.score and first.distance < second.distance


class SeenVectors:
    """A reranker that keeps what it was given and changes nothing."""

    top_n = 2

    def __init__(self) -> None:
        self.query: list[float] = []
        self.hits: list[list[float]] = []

    def rerank(self, query: Description, hits: Sequence[Hit]) -> list[Hit]:
        self.query = query.embedding.vector.tolist()
        self.hits = [hit.record.description.embedding.vector.tolist() for hit in hits]
        return list(hits)


def test_an_adapted_gallery_is_answered_from_by_adapted_vectors(gallery: LocalGallery) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red, red % 7), f"p{red}")
    plain = searcher(gallery).search(plain_image(40), k=10)
    mean = plain.query.embedding.vector.tolist()
    report = adaptation().report
    made = Adaptation(
        np.array([40, 2, 0], np.float32), np.array(mean, np.float32) + 5, None, report
    )
    gallery.adapt(made)
    reranker = SeenVectors()
    adapted = replace(searcher(gallery), reranker=reranker)
    results = adapted.search(plain_image(40), k=10)
    query = made.adapted(results.query.embedding.vector[None], "photo")[0]
    vectors = {
        hit.record.product_id: made.adapted(
            hit.record.description.embedding.vector[None], "catalogue"
        )[0]
        for hit in plain.hits
    }
    cosines = {product: float(vector @ query) for product, vector in vectors.items()}
    assert [hit.record.product_id for hit in results.hits] == sorted(
        cosines, key=lambda product: -cosines[product]
    )
    for hit in results.hits:
        assert hit.score == pytest.approx(cosines[hit.record.product_id], abs=1e-5)
    # Rerankers see vectors as they are compared, the answer has them as they were described.
    assert reranker.query == query.tolist()
    assert reranker.hits[0] == vectors[results.hits[0].record.product_id].tolist()
    assert results.hits[0].record.description.embedding.dimension == 3
    assert {
        hit.record.product_id: hit.record.description.embedding.vector.tolist()
        for hit in results.hits
    } == {
        hit.record.product_id: hit.record.description.embedding.vector.tolist()
        for hit in plain.hits
    }


def test_a_calibration_does_not_hold_for_another_adaptation(gallery: LocalGallery) -> None:
    for red in range(0, 100, 10):
        put(gallery, str(red), plain_image(red), f"p{red}")
    searching = replace(searcher(gallery), identity="i" * 64)
    before = searching.answering()
    gallery.calibrate(calibration(identity=before))
    assert searching.search(plain_image(40)).threshold is not None
    three = adaptation(catalogue_mean=(1, 1, 1), photo_mean=(1, 1, 1), projection=None)
    gallery.adapt(three)
    assert searching.answering() != before
    results = searching.search(plain_image(40))
    assert results.threshold is None and any("not calibrated" in note for note in results.notes)
    gallery.adapt_by(None)
    assert searching.search(plain_image(40)).threshold is not None

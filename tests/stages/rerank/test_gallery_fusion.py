"""The reranker of an adaptation with a fusion: which it serves, and what it looks at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.adaptation import Adaptation
from engine.config import load
from engine.fusion import Fusion
from engine.galleries.local import LocalGallery
from engine.linear_model import LinearModel, Term
from engine.types import Hit, Record
from stages.assemble import assemble, views_of
from stages.context import BuildContext
from stages.keypoints import sift
from stages.open_searcher import searcher_over
from stages.profiles import read_profile
from stages.rerank._gallery_fusion import GalleryFusion, feature_names, fused
from stages.rerank._view_features import view_features, view_names
from tests.engine.made_adaptations import adaptation
from tests.engine.made_descriptions import described, entry
from tests.engine.made_keypoints import COUNT, label

VIEWS = {"first": 1, "second": 1}


def fusion(
    weights: Mapping[str, float], views: Mapping[str, int] = VIEWS, top_n: int = 3
) -> Fusion:
    terms = {
        name: Term(mean=0, deviation=1, weight=weights.get(name, 0.0))
        for name in feature_names(views)
    }
    model = LinearModel(intercept=0, terms=terms)
    return Fusion(model=model, top_n=top_n, views=views)


def adapted(made: Fusion) -> Adaptation:
    return replace(adaptation(), fusion=made)


def hits(*vectors: tuple[float, float]) -> list[Hit]:
    """Best first."""
    found = []
    for at, vector in enumerate(vectors):
        one = entry(str(at))
        record = Record(at, one.uri, one.sha256, one.product_id, "jar", True, {}, described(vector))
        found.append(Hit(record, at + 1, 1 - at / 10, at / 10))
    return found


def test_a_view_is_compared_by_itself_after_centring() -> None:
    """Means are (2, 1) of photos and (1, 1) of the catalogue: of the second number the query is
    above, and so is the last hit alone."""
    found = fused(adapted(fusion({"second": 1.0})), None)
    assert found is not None
    order = found.rerank(described((9, 3)), hits((9, 0), (9, -5), (-9, 2), (8, 8)))
    assert [hit.record.id for hit in order] == [2, 0, 1, 3]
    assert [hit.rank for hit in order] == [1, 2, 3, 4]
    assert "second" in order[0].why and "fusion" in order[0].why
    assert [hit.score for hit in order] == [0.8, 1.0, 0.9, 0.7]


def test_features_of_views_are_cosines_of_their_parts() -> None:
    random = np.random.default_rng(0)
    query, rows = random.normal(size=7), random.normal(size=(5, 7))
    rows[2, :3] = 0
    parts = {"a": slice(0, 3), "b": slice(3, 7)}
    found = view_features(query.astype(np.float32), rows.astype(np.float32), {"a": 3, "b": 4})
    assert view_names({"a": 3, "b": 4}) == ("a", "a_behind", "b", "b_behind")
    for at, part in enumerate(parts.values()):
        near = [
            float(row[part] @ query[part])
            / max(1e-9, np.linalg.norm(row[part]) * np.linalg.norm(query[part]))
            for row in rows
        ]
        np.testing.assert_allclose(found[:, 2 * at], near, atol=1e-6)
        np.testing.assert_allclose(found[:, 2 * at + 1], np.array(near) - max(near), atol=1e-6)


def test_an_order_of_none_leaves_hits_as_retrieved() -> None:
    found = fused(adapted(Fusion(top_n=0)), None)
    assert found is not None and found.top_n == 0
    given = hits((1, 1), (2, 2))
    assert found.rerank(described((1, 2)), given) == given


@pytest.mark.parametrize(
    "other",
    [
        fusion({}).model_copy(update={"measures": 99}),
        fusion({}, {"first": 5}),
        fusion({}).model_copy(update={"views": {"first": 2}}),
    ],
)
def test_a_fusion_of_other_features_is_left_out(other: Fusion) -> None:
    assert fused(adapted(other), None) is None


def test_another_reranker_that_is_set_for_a_search_is_used(tmp_path: Path) -> None:
    parts = assemble(read_profile("classic"))
    with LocalGallery.create(tmp_path / "g", parts.manifest()) as gallery:
        size = parts.describer.embedder.dimension
        gallery.add([entry("x")], [described(np.ones(size).tolist())])
        means = np.zeros(size, np.float32)
        made = fusion({"score": 1.0}, views_of(parts.settings), top_n=30)
        gallery.adapt(Adaptation(means, means, None, adaptation().report, fusion=made))
        own = searcher_over(gallery).searcher.ranks_by
        assert isinstance(own, GalleryFusion) and own.top_n == 30
        other = searcher_over(gallery, overrides=["rerank.top_n=7"]).searcher.ranks_by
        assert not isinstance(other, GalleryFusion) and other.top_n == 7


def test_views_span_the_vector() -> None:
    joined = 'embed.parts=[{name="handcrafted"}, {name="handcrafted", side=32}]'
    for flags in ([], ["embed.name=joined", joined]):
        settings = load(read_profile("classic"), flags=flags)
        views = views_of(settings)
        assert sum(views.values()) == assemble(settings).describer.embedder.dimension
        assert len(views) == 3 - len(flags) // 2
    assert list(views) == ["handcrafted letterboxed", "handcrafted letterboxed (2)"]
    whitened = load(read_profile("classic"), flags=["whiten.name=fitted", "whiten.weights=x"])
    assert views_of(whitened) == {}


def test_a_fusion_of_before_print_orders_as_it_did_where_keypoints_are_compared() -> None:
    made = adapted(fusion({"second": 1.0}))
    matcher = sift.build(sift.Options(), BuildContext())
    query, given = described((9, 3)), hits((9, 0), (9, -5), (-9, 2), (8, 8))
    given = [with_keypoints(hit) for hit in given]
    plain, compared = fused(made, None), fused(made, matcher)
    assert plain is not None and compared is not None
    query = replace(query, keypoints=label(2))
    assert seen(compared.rerank(query, given)) == seen(plain.rerank(query, given))
    assert made.identity == replace(made, fusion=fusion({"second": 1.0})).identity


def test_a_fusion_that_weighs_print_needs_what_compares_it() -> None:
    terms = {
        name: Term(mean=0, deviation=1, weight=float(name == "print"))
        for name in feature_names(VIEWS, prints=True)
    }
    weighing = Fusion(model=LinearModel(intercept=0, terms=terms), top_n=4, views=VIEWS)
    off = sift.build(sift.Options(checked=0), BuildContext())
    assert fused(adapted(weighing), None) is None and fused(adapted(weighing), off) is None
    found = fused(adapted(weighing), sift.build(sift.Options(checked=3), BuildContext()))
    assert found is not None
    given = [with_keypoints(hit) for hit in hits((9, 0), (9, -5), (-9, 2), (8, 8))]
    order = found.rerank(replace(described((9, 3)), keypoints=label(2)), given)
    assert [hit.record.id for hit in order] == [2, 0, 1, 3]
    assert order[0].match is not None and order[0].match.inliers == COUNT
    assert "for it: print" in order[0].why
    assert [hit.match is None for hit in order] == [False, False, False, True]


def with_keypoints(hit: Hit) -> Hit:
    description = replace(hit.record.description, keypoints=label(hit.record.id))
    return replace(hit, record=replace(hit.record, description=description))


def seen(found: list[Hit]) -> list[tuple[int, int, str, bool]]:
    return [(hit.record.id, hit.rank, hit.why, hit.match is None) for hit in found]

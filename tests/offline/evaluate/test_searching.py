"""Query expansion and k-reciprocal reranks over whole protocols: as serving does them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings, load
from engine.distances import distances
from engine.errors import ConfigError
from engine.expansion import expanded_within
from engine.types import FloatArray
from engine.vectors import unit_rows
from offline.datasets import Picture
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.judging import judge
from offline.evaluate.ranking import NOBODY
from offline.evaluate.searching import KReciprocal, Search, search, search_of
from stages.rerank.k_reciprocal import k_reciprocal_distances
from tests.offline.evaluate.drawn_tasks import task


def unit(seed: int, count: int, dimension: int = 4) -> FloatArray:
    random = np.random.default_rng(seed)
    return unit_rows(random.normal(size=(count, dimension)).astype(np.float32))


def test_a_plain_search_neither_expands_nor_reranks() -> None:
    queries, gallery = unit(1, 3), unit(2, 9)
    ranking = search(task([((0,), ())] * 3, 9), queries, gallery, Search("cosine"))
    assert ranking.queries is queries and ranking.metric == "cosine" and not ranking.head.size


@pytest.mark.parametrize("n", [1, 4, 99])
def test_queries_are_expanded_by_their_nearest(n: int) -> None:
    queries, gallery = unit(1, 5), unit(2, 9)
    ranking = search(task([((0,), ())] * 5, 9), queries, gallery, Search(expand=n, alpha=2.0))
    expected = expanded_within(queries, gallery, n, 2.0, normalised=True)
    np.testing.assert_allclose(ranking.queries, expected, atol=1e-6)


def test_absent_pictures_expand_nobody() -> None:
    queries, gallery = unit(1, 2), unit(2, 6)
    present = np.array([True, False] * 3)
    how = Search(expand=3)
    ranking = search(task([((0,), ())] * 2, 6), queries, gallery, how, present=present)
    expected = expanded_within(queries, gallery[present], 3, 3.0, normalised=True)
    np.testing.assert_allclose(ranking.queries, expected, atol=1e-6)


def test_ones_own_picture_neither_expands_nor_is_a_candidate() -> None:
    rows = unit(3, 6)
    pictures = [Picture(f"{at}", Path(f"{at}.jpg"), product=f"p{at // 3}") for at in range(6)]
    own = label_task("own", pictures, pictures, by_product)
    ranking = search(own, rows, rows, Search(expand=2, rerank=KReciprocal(top_n=5)))
    for at in range(6):
        others = np.delete(rows, at, axis=0)
        expected = expanded_within(rows[at : at + 1], others, 2, 3.0, normalised=True)
        np.testing.assert_allclose(ranking.queries[at], expected[0], atol=1e-6)
        assert sorted(ranking.head[at].tolist()) == [other for other in range(6) if other != at]
    for one in judge(own, ranking):
        assert one.found.total == len(one.found.ranks) == 2


def test_a_rerank_orders_the_candidates_as_its_distances_say() -> None:
    queries, gallery = unit(4, 3), unit(5, 12)
    how = KReciprocal(top_n=12, k1=4, k2=2, weight=0.4)
    ranking = search(task([((0,), ())] * 3, 12), queries, gallery, Search(rerank=how))
    for query, head in zip(queries, ranking.head, strict=True):
        rows = np.concatenate([query[None], gallery])
        (values,) = k_reciprocal_distances(distances(rows, rows, "euclidean"), 1, 4, 2, 0.4)
        assert values[head].tolist() == sorted(values.tolist())


def test_a_rerank_permutes_the_nearest_and_leaves_the_rest() -> None:
    queries, gallery = unit(4, 3), unit(5, 12)
    asked = task([((1, 7), ())] * 3, 12)
    plain = search(asked, queries, gallery, Search())
    head = search(asked, queries, gallery, Search(rerank=KReciprocal(top_n=5))).head
    away = distances(queries, gallery, "euclidean")
    for row, order in enumerate(head):
        assert sorted(order.tolist()) == sorted(np.argsort(away[row])[:5].tolist())
    reranked = judge(asked, plain.reordered(head))
    for one, before in zip(reranked, judge(asked, plain), strict=True):
        assert one.found.ranks[one.found.ranks > 5].tolist() == (
            before.found.ranks[before.found.ranks > 5].tolist()
        )


def test_a_small_gallery_fills_a_head_with_nobody() -> None:
    ranking = search(
        task([((0,), ())], 2), unit(1, 1), unit(2, 2), Search(rerank=KReciprocal(top_n=4))
    )
    assert ranking.head[0, 2:].tolist() == [NOBODY, NOBODY]


def test_the_settings_say_how_to_search() -> None:
    flags = [
        "search.metric=cosine",
        "query.expand=7",
        "query.expand_alpha=0",
        "rerank.name=k_reciprocal",
        "rerank.top_n=30",
    ]
    how = search_of(load(Settings(), env={}, flags=flags))
    assert how == Search("cosine", 7, 0.0, KReciprocal(top_n=30))


@pytest.mark.parametrize("flags", [[], ["rerank.name=k_reciprocal", "rerank.top_n=0"]])
def test_reranks_by_contour_and_of_nothing_take_no_part(flags: list[str]) -> None:
    assert search_of(load(Settings(), env={}, flags=flags)).rerank is None


def test_an_unfit_option_of_the_rerank_is_refused() -> None:
    settings = load(Settings(), env={}, flags=["rerank.name=k_reciprocal", "rerank.k1=0"])
    with pytest.raises(ConfigError, match="k1"):
        search_of(settings)

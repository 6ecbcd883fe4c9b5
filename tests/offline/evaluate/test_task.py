"""Rankings of whole galleries: junk taken out, ties by place, reranked heads, one's own image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import Settings, load
from engine.distances import distances, unit_rows
from engine.errors import ConfigError
from engine.types import FloatArray
from offline.datasets import DatasetImage, RetrievalTask
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.benchmark.measure import answerable
from offline.evaluate.retrieval.measure import own_level
from offline.evaluate.task import NO_IMAGE, RERANKED, RETRIEVED, GalleryRanking, VectorTask
from offline.metrics import retrieval as metrics
from offline.metrics.retrieval import Found
from stages.rerank.k_reciprocal import k_reciprocal_distances
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.drawn_tasks import task
from tests.offline.evaluate.made_tasks import Made, made_task, scores


def unit(seed: int, count: int, dimension: int = 4) -> FloatArray:
    random = np.random.default_rng(seed)
    return unit_rows(random.normal(size=(count, dimension)).astype(np.float32))


def vectors(
    given: RetrievalTask, queries: FloatArray, gallery: FloatArray, *flags: str
) -> VectorTask:
    return VectorTask(
        task=given,
        vectors=queries,
        rows=gallery,
        settings=load(Settings(), env={}, flags=["rerank.name=none", *flags]),
        normalised=True,
        absent=(0,) * len(given.queries),
    )


def rankings(found: VectorTask, way: str = RERANKED) -> list[GalleryRanking]:
    return [ways[way] for ways in found.rankings([way])]


def measured(found: VectorTask, way: str = RERANKED) -> list[Found]:
    level = own_level(found)
    return [
        ranking.found(level.relevant(query), level.totals[query])
        for query, ranking in enumerate(rankings(found, way))
    ]


def on_a_line(given: RetrievalTask, places: list[float]) -> VectorTask:
    """One query at 0 and a gallery at these distances from it."""
    gallery = np.array(places, np.float32)[:, None]
    return vectors(given, np.zeros((1, 1), np.float32), gallery)


def test_junk_is_taken_out_before_the_ranks_are_counted() -> None:
    # In order of distance: junk, relevant, irrelevant, junk, relevant; then an irrelevant one.
    found = on_a_line(task([((1, 4), (0, 3))], 6), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (one,) = measured(found)
    assert one.ranks.tolist() == [1, 3]
    assert rankings(found)[0].first(2).tolist() == [1, 2]
    assert metrics.average_precision(one) == pytest.approx((1 + 2 / 3) / 2)
    # Trapezoids: (1 + 1)/2 at rank 1; (2/3 + 1/2)/2 at rank 3.
    assert metrics.trapezoid_average_precision(one) == pytest.approx((1 + 7 / 12) / 2)


def test_equal_distances_rank_by_position_in_the_gallery() -> None:
    found = on_a_line(task([((1, 4), (3,))], 5), [0.5, 0.5, 0.2, 0.5, 0.5])
    # 0.2 is first; then positions 0, 1 and 4, for 3 is junk.
    assert measured(found)[0].ranks.tolist() == [3, 4]
    assert rankings(found)[0].first(9).tolist() == [2, 0, 1, 4]


def test_a_junk_image_that_ties_with_a_relevant_one_does_not_push_it_back() -> None:
    (one,) = measured(on_a_line(task([((1,), (0,))], 2), [0.5, 0.5]))
    assert one.ranks.tolist() == [1]


def test_a_head_stands_first_in_its_own_order_and_the_rest_follows_by_distance() -> None:
    # The three nearest are 0, 1 (junk) and 2; a reranker reversed them.
    line = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    ranking = GalleryRanking(line, np.array([2, 1, 0]), ignored=(1,))
    relevant = np.array([True, False, False, True])
    assert ranking.found(relevant, 2).ranks.tolist() == [2, 3]
    assert ranking.first(3).tolist() == [2, 0, 3]
    assert ranking.first(1).tolist() == [2]


@given(seed=st.integers(0, 9999))
def test_ranks_equal_those_of_a_list_that_is_sorted_and_purged(seed: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 15))
    line = random.integers(0, 5, size).astype(np.float32)
    line[random.random(size) < 0.1] = np.inf
    kinds = random.choice(["relevant", "junk", "irrelevant"], size)
    nearest = [at for at in np.argsort(line, kind="stable") if np.isfinite(line[at])]
    count = int(random.integers(0, len(nearest) + 1))
    nearest_or_any = nearest if random.random() < 0.5 else random.permutation(nearest)
    head = random.permutation(nearest_or_any[:count]).astype(np.int64)
    junk = tuple(np.flatnonzero(kinds == "junk").tolist())
    ranking = GalleryRanking(line, head, junk)
    order = [*head.tolist(), *(at for at in nearest if at not in head)]
    shown = [at for at in order if at not in junk]
    expected = [rank for rank, at in enumerate(shown, start=1) if kinds[at] == "relevant"]
    found = ranking.found(kinds == "relevant", int((kinds == "relevant").sum()))
    assert found.ranks.tolist() == expected
    assert ranking.first(size).tolist() == shown


def test_a_query_without_an_answer_is_left_out_and_a_limit_takes_evenly_from_the_rest() -> None:
    answers = [((0,), ()) if at % 2 else ((), ()) for at in range(20)]
    kept = answerable(task(answers, 1))
    assert [query.id for query in kept.queries] == [f"q/{at}" for at in range(1, 20, 2)]
    assert all(answer.relevant for answer in kept.relevance)
    few = answerable(task(answers, 1), 3)
    assert [query.id for query in few.queries] == ["q/1", "q/7", "q/13"]
    assert answerable(task(answers, 1), 99) == kept


def test_a_task_without_an_answer_is_refused() -> None:
    with pytest.raises(ConfigError):
        answerable(task([((), (0,))], 1))


def test_ones_own_image_neither_expands_nor_is_a_candidate() -> None:
    rows = unit(3, 6)
    images = [DatasetImage(f"{at}", Path(f"{at}.jpg"), product=f"p{at // 3}") for at in range(6)]
    flags = ("query.expand=2", "rerank.name=k_reciprocal", "rerank.top_n=5")
    found = vectors(label_task("own", images, images, by_product), rows, rows, *flags)
    assert found.own.tolist() == list(range(6))
    for at, ranking in enumerate(rankings(found)):
        assert sorted(ranking.head.tolist()) == [other for other in range(6) if other != at]
    for one in measured(found):
        assert one.total == len(one.ranks) == 2


def test_a_query_has_no_place_of_its_own_where_it_counts_as_an_answer() -> None:
    images = [DatasetImage(name, Path(f"{name}.jpg"), product="p") for name in "ab"]
    given = task([((0,), ())], 2)
    assert vectors(given, unit(1, 1), unit(2, 2)).own.tolist() == [NO_IMAGE]
    own = label_task("own", images, images, by_product)
    assert vectors(own, unit(1, 2), unit(2, 2)).own.tolist() == [0, 1]


def test_reciprocal_distances_order_the_candidates() -> None:
    queries, gallery = unit(4, 3), unit(5, 12)
    flags = ("rerank.name=k_reciprocal", "rerank.top_n=12", "rerank.k1=4", "rerank.k2=2")
    found = vectors(task([((0,), ())] * 3, 12), queries, gallery, *flags, "rerank.weight=0.4")
    for query, ranking in zip(queries, rankings(found), strict=True):
        rows = np.concatenate([query[None], gallery])
        (values,) = k_reciprocal_distances(distances(rows, rows, "euclidean"), 1, 4, 2, 0.4)
        assert values[ranking.head].tolist() == sorted(values.tolist())


def test_reranking_permutes_the_nearest_and_leaves_the_rest() -> None:
    queries, gallery = unit(4, 3), unit(5, 12)
    given = task([((1, 7), ())] * 3, 12)
    found = vectors(given, queries, gallery, "rerank.name=k_reciprocal", "rerank.top_n=5")
    away = distances(queries, gallery, "euclidean")
    for row, ranking in zip(away, rankings(found), strict=True):
        assert sorted(ranking.head.tolist()) == sorted(np.argsort(row)[:5].tolist())
    for after, before in zip(measured(found), measured(found, RETRIEVED), strict=True):
        assert after.ranks[after.ranks > 5].tolist() == before.ranks[before.ranks > 5].tolist()


@pytest.mark.parametrize("flags", [(), ("rerank.name=k_reciprocal", "rerank.top_n=0")])
def test_reranking_by_contour_or_of_nothing_moves_no_vector(flags: tuple[str, ...]) -> None:
    found = vectors(task([((0,), ())], 2), unit(1, 1), unit(2, 2), "rerank.name=fused", *flags)
    assert len(rankings(found)[0].head) == 0


def test_an_unfit_option_of_the_reranker_is_refused() -> None:
    flags = ("rerank.name=k_reciprocal", "rerank.k1=0")
    with pytest.raises(ConfigError, match="k1"):
        rankings(vectors(task([((0,), ())], 2), unit(1, 1), unit(2, 2), *flags))


GALLERY = [
    Made(0, "a"),
    Made(1, "b"),
    Made(2, "a"),
    Made(3, "c", "tube"),
    Made(2, "b", "tube"),
]


def test_only_routed_categories_are_ranked() -> None:
    query = Made(2.0, "a", scores=scores(jar=0.99, tube=0.01))
    (ranking,) = rankings(made_task([query], GALLERY), RETRIEVED)
    assert ranking.first(9).tolist() == [2, 1, 0]
    unsure = Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))
    (ranking,) = rankings(made_task([unsure], GALLERY), RETRIEVED)
    assert ranking.first(9).tolist() == [2, 4, 1, 3, 0]


def test_candidates_carry_rank_distance_and_score() -> None:
    found = made_task([Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))], GALLERY)
    hits = found.candidates(rankings(found, RETRIEVED)[0], 3)
    assert [(hit.record.id, hit.rank, hit.distance) for hit in hits] == [
        (2, 1, 0),
        (4, 2, 0),
        (1, 3, 1),
    ]


def test_products_can_be_taken_out_of_the_gallery() -> None:
    found = made_task([Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))], GALLERY)
    answer = found.answer(0, 5, without=["a"])
    assert [hit.record.product_id for hit in answer.products] == ["b", "c"]
    assert [hit.record.id for hit in answer.retrieved] == [4, 1, 3]


def test_other_search_settings_need_no_new_descriptions() -> None:
    found = made_task([Made(2.0, "a", scores=scores(jar=0.6, tube=0.4))], GALLERY)
    hard = found.searching(load(found.settings, env={}, flags=["route.hard=true"]))
    assert rankings(hard, RETRIEVED)[0].first(9).tolist() == [2, 1, 0]
    with pytest.raises(ConfigError):
        found.searching(load(found.settings, env={}, flags=["embed.side=64"]))


def test_the_systems_own_reranker_orders_the_head() -> None:
    found = made_task([Made(0.1, "a")], GALLERY, reranker=Reversed(2))
    assert rankings(found)[0].first(3).tolist() == [1, 0, 2]
    assert rankings(found, RETRIEVED)[0].first(3).tolist() == [0, 1, 2]

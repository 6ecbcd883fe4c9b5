"""Pairs of queries and candidates, and how well an order of them answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.adapt.reranking.measure import (
    ALL_SHAPE,
    SETS,
    effects,
    kinds,
    ordered,
    retrieved,
    without,
)
from offline.adapt.reranking.pairs import NO_CANDIDATE, PairedQuery, Pairs, pooled
from offline.evaluate.reranking.pairs import collect, group_of
from offline.metrics.retrieval import (
    Found,
    average_precision,
    instance_recall_at,
    reciprocal_rank,
)
from stages.rerank._pair_features import NAMES
from tests.offline.evaluate.made_tasks import Made, made_task
from tests.offline.evaluate.reranking.drawn_pairs import drawn_pairs
from tests.offline.evaluate.reranking.shaped_task import shaped_task


@st.composite
def lists_with_values(draw: st.DrawFn) -> tuple[Pairs, np.ndarray, list[Found]]:
    lists = draw(st.lists(st.lists(st.booleans(), max_size=6), min_size=1, max_size=5))
    lists = [one if any(one) else [*one, True] for one in lists]
    beyond = [sorted(draw(st.sets(st.integers(len(one) + 1, 12), max_size=3))) for one in lists]
    pairs = drawn_pairs(lists, beyond)
    values = np.array(
        draw(st.lists(st.integers(0, 3), min_size=len(pairs.right), max_size=len(pairs.right))),
        float,
    )
    found = []
    for at, ranks in enumerate(beyond):
        rows = np.flatnonzero(pairs.list_of == at).tolist()
        order = sorted(rows, key=lambda row: -values[row])
        head = [rank for rank, row in enumerate(order, start=1) if pairs.right[row]]
        found.append(Found(np.array([*head, *ranks]), len(head) + len(ranks)))
    return pairs, values, found


@given(lists_with_values())
@settings(max_examples=100, deadline=None)
def test_an_order_is_judged_as_whole_rankings_are(
    drawn: tuple[Pairs, np.ndarray, list[Found]],
) -> None:
    pairs, values, found = drawn
    answers = ordered(pairs, values)
    assert answers.recall.tolist() == [instance_recall_at(one, 1) for one in found]
    np.testing.assert_allclose(answers.reciprocal, [reciprocal_rank(one) for one in found])
    np.testing.assert_allclose(answers.precision, [average_precision(one) for one in found])


def test_equal_values_are_the_order_of_retrieval() -> None:
    pairs = drawn_pairs([[False, True, True], [True], [False, False, True]], [[], [4], []])
    assert ordered(pairs, np.zeros(7)).first.tolist() == [2, 1, 3]
    assert retrieved(pairs).first.tolist() == [2, 1, 3]
    assert pairs.places.tolist() == [[0, 1, 2], [3, NO_CANDIDATE, NO_CANDIDATE], [4, 5, 6]]
    assert pairs.decidable.tolist() == [True, False, True]


def test_some_queries_keep_their_own_candidates() -> None:
    pairs = drawn_pairs([[False, True], [True], [True, False]], [[], [], []])
    some = pairs.of(np.array([True, False, True]))
    assert [one.image for one in some.queries] == ["q0", "q2"]
    assert some.list_of.tolist() == [0, 0, 1, 1]
    assert some.right.tolist() == [False, True, True, False]


def test_pools_keep_their_groups_apart_and_alike() -> None:
    one, other = (drawn_pairs([[True, False]], [[]]) for _ in range(2))
    found = pooled(
        [one, Pairs(other.rows, other.right, other.list_of, other.groups, ("h",), other.queries)]
    )
    assert [found.names[at] for at in found.groups] == ["g", "g", "h", "h"]
    assert found.list_of.tolist() == [0, 0, 1, 1]


def test_pairs_are_the_candidates_of_a_search_and_those_behind_still_count() -> None:
    """On the line from 0: p0, p1, p0, p1, p0."""
    queries = [Made(0, "p0"), Made(0, "p9")]
    gallery = [Made(at, f"p{at % 2}", family="f" if at else None) for at in range(5)]
    pairs = collect(made_task(queries, gallery), top_n=2, pool="near")
    assert len(pairs.queries) == 1  # nothing answers p9
    (query,) = pairs.queries
    assert (query.image, query.pool, query.product, query.total) == ("q/0", "near", "p0", 3)
    assert pairs.right.tolist() == [True, False]
    assert [pairs.names[at] for at in pairs.groups] == ["p0", "jar/f"]
    answers = retrieved(pairs)
    assert answers.precision.tolist() == pytest.approx([(1 + 2 / 3 + 3 / 5) / 3])
    assert ordered(pairs, np.array([0.0, 1.0])).reciprocal.tolist() == [1 / 2]


def test_a_group_is_the_family_else_the_product_else_the_image() -> None:
    made = Made(0, "p", family="f"), Made(0, "p"), Made(0)
    assert [group_of(one.image("q", 7)) for one in made] == ["jar/f", "p", "q/7"]


def test_a_feature_that_orders_alone_is_worth_all_and_the_others_nothing() -> None:
    pairs = collect(shaped_task(30, tells=True), top_n=8)
    column = NAMES.index("overlap")
    level = pairs.rows.mean(axis=0)
    found = {one.name: one for one in effects(pairs, lambda rows: rows[:, column], level)}
    whole = ordered(pairs, pairs.rows[:, column]).recall.mean()
    assert list(found) == list(SETS)
    assert found["overlap of the contours"].recall == whole - retrieved(pairs).recall.mean() > 0.2
    assert found[ALL_SHAPE].recall == found["overlap of the contours"].recall
    assert found["category"].recall == found["proportions"].reciprocal == 0


def test_held_features_do_not_change_the_pairs() -> None:
    pairs = collect(shaped_task(12, tells=True), top_n=4)
    rows = pairs.rows.copy()
    without(pairs, lambda rows: rows[:, 0], ("shape",), rows.mean(axis=0))
    np.testing.assert_array_equal(pairs.rows, rows)


def test_queries_are_told_apart_by_look_flags_and_trust() -> None:
    def paired(look: str, flagged: bool, trust: float | None) -> PairedQuery:
        return PairedQuery("q", "a", "g", "p", look, flagged, trust, 1, 0.0, 0.0)

    found = kinds(
        [paired("phone", True, 0.2), paired("studio", False, 0.9), paired("", False, None)]
    )
    assert {one.name: one.lists.tolist() for one in found} == {
        "all": [True, True, True],
        "look: phone": [True, False, False],
        "look: studio": [False, True, False],
        "mask without a flag": [False, True, True],
        "mask with a flag": [True, False, False],
        "mask trusted": [False, True, False],
        "mask not trusted": [True, False, False],
    }
    assert [one.name for one in kinds([paired("phone", False, None)])] == [
        "all",
        "mask without a flag",
        "mask with a flag",
    ]

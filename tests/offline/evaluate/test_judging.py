"""Rankings judged: junk taken out, ties by position, absent pictures never found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConfigError
from offline.datasets import Picture, Relevance, RetrievalTask
from offline.evaluate import judging
from offline.evaluate.judging import answerable, judge, own_positions
from offline.evaluate.ranking import NOBODY, rank
from offline.metrics import retrieval as metrics
from tests.offline.evaluate.drawn_tasks import on_a_line, task


def test_junk_is_taken_out_before_the_ranks_are_counted() -> None:
    # In order of distance: junk, relevant, wrong, junk, relevant; then a wrong one.
    ranking = on_a_line([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    (one,) = judge(task([((1, 4), (0, 3))], 6), ranking)
    assert one.found.ranks.tolist() == [1, 3]
    assert one.first == 1
    assert metrics.average_precision(one.found) == pytest.approx((1 + 2 / 3) / 2)
    # Trapezoids: (1 + 1)/2 at rank 1; (2/3 + 1/2)/2 at rank 3.
    assert metrics.trapezoid_average_precision(one.found) == pytest.approx((1 + 7 / 12) / 2)


def test_equal_distances_rank_by_position_in_the_gallery() -> None:
    ranking = on_a_line([0.5, 0.5, 0.2, 0.5, 0.5])
    (one,) = judge(task([((1, 4), (3,))], 5), ranking)
    # 0.2 is first; then positions 0, 1 and 4, for 3 is junk.
    assert one.found.ranks.tolist() == [3, 4]
    assert one.first == 2


def test_a_junk_picture_that_ties_with_a_relevant_one_does_not_push_it_back() -> None:
    (one,) = judge(task([((1,), (0,))], 2), on_a_line([0.5, 0.5]))
    assert one.found.ranks.tolist() == [1]


def test_an_absent_relevant_picture_is_missed_and_an_absent_wrong_one_is_gone() -> None:
    ranking = replace(on_a_line([0.1, 0.2, 0.3]), present=np.array([False, False, True]))
    (one,) = judge(task([((1, 2), ())], 3), ranking)
    assert (one.found.ranks.tolist(), one.found.total, one.first) == ([1], 2, 2)


def test_nothing_is_found_in_a_gallery_that_is_all_absent_or_junk() -> None:
    ranking = replace(on_a_line([0.1, 0.2]), present=np.array([False, True]))
    (one,) = judge(task([((0,), (1,))], 2), ranking)
    assert (one.found.ranks.tolist(), one.found.total, one.first) == ([], 1, NOBODY)


def test_a_head_stands_first_in_its_own_order_and_the_rest_follows_by_distance() -> None:
    # The three nearest are 0, 1 (junk) and 2; a rerank turned them around.
    ranking = on_a_line([0.1, 0.2, 0.3, 0.4]).reordered(np.array([[2, 1, 0]]))
    (one,) = judge(task([((0, 3), (1,))], 4), ranking)
    assert one.found.ranks.tolist() == [2, 3]
    assert one.first == 2


@given(seed=st.integers(0, 9999), counted=st.sampled_from([0, 64]))
def test_ranks_equal_those_of_a_list_that_is_sorted_and_purged(seed: int, counted: int) -> None:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 15))
    away = random.integers(0, 5, (3, size)).astype(np.float32)
    kinds = random.choice(["relevant", "junk", "wrong"], (3, size))
    present = random.random(size) < 0.9
    answers = [
        (np.flatnonzero(row == "relevant").tolist(), np.flatnonzero(row == "junk").tolist())
        for row in kinds
    ]
    gallery, queries = np.eye(size, dtype=np.float32), -away  # distance = - inner product
    ranking = rank(queries, gallery, "inner_product", present)
    with patch.object(judging, "COUNTED", counted):
        judged = judge(task(answers, size), ranking)
    for row, one in enumerate(judged):
        shown = [
            at
            for at in np.argsort(away[row], kind="stable")
            if present[at] and kinds[row, at] != "junk"
        ]
        ranks = [rank for rank, at in enumerate(shown, start=1) if kinds[row, at] == "relevant"]
        assert one.found.ranks.tolist() == ranks
        assert one.found.total == len(answers[row][0])
        assert one.first == (shown[0] if shown else NOBODY)


def test_queries_without_an_answer_are_left_out_and_a_limit_takes_evenly_from_the_rest() -> None:
    answers = [((0,), ()) if at % 2 else ((), ()) for at in range(20)]
    kept = answerable(task(answers, 1))
    assert [query.id for query in kept.queries] == [f"q/{at}" for at in range(1, 20, 2)]
    assert all(answer.relevant for answer in kept.relevance)
    few = answerable(task(answers, 1), 3)
    assert [query.id for query in few.queries] == ["q/1", "q/7", "q/13"]
    assert answerable(task(answers, 1), 99) == kept


def test_a_task_that_nothing_answers_is_refused() -> None:
    with pytest.raises(ConfigError, match="no query has a relevant picture"):
        answerable(task([((), (0,))], 1))


def test_a_query_has_a_place_of_its_own_where_the_protocol_ignores_it() -> None:
    a, b, c = (Picture(name, Path(f"{name}.jpg")) for name in "abc")
    answers = (Relevance((0,), (1,)), Relevance((0,)), Relevance((0, 1)))
    one = RetrievalTask("own", (b, c, a), (a, b), answers)
    assert own_positions(one).tolist() == [1, NOBODY, NOBODY]


def test_features_of_another_task_are_refused() -> None:
    with pytest.raises(ValueError, match="features of 1 and 3"):
        judge(task([((0,), ())], 2), on_a_line([1, 2, 3]))

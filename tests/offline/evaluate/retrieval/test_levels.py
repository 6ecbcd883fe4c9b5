"""By what a hit may be right."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from offline.datasets import DatasetImage, Relevance
from offline.datasets.relevance import same_label
from offline.evaluate.retrieval.measure import LABELS, OWN, Level, levels
from tests.offline.evaluate.made_tasks import Made, made_task

GALLERY = [
    Made(0, "a", "jar", "f"),
    Made(1, "b", "jar", "f"),
    Made(2, "c", "jar", "g"),
    Made(3, "d", "tube", "f"),
]


def answers(level: Level) -> list[int]:
    """To the first query."""
    return np.flatnonzero(level.relevant(0)).tolist()


def test_the_task_s_own_level_comes_first_and_wider_ones_follow() -> None:
    found = levels(made_task([Made(0, "a", "jar", "f")], GALLERY))
    assert [level.name for level in found] == ["product", "family", "category"]
    assert [answers(level) for level in found] == [[0], [0, 1], [0, 1, 2]]
    assert [level.totals for level in found] == [(1,), (2,), (3,)]


def test_a_level_without_labels_or_answers_is_left_out() -> None:
    found = levels(made_task([Made(0, "a", "lid")], GALLERY))
    assert [level.name for level in found] == ["product"]


def test_answers_that_follow_from_no_label_have_a_name_of_their_own() -> None:
    described = made_task([Made(0, "a", "jar", "f")], GALLERY, relevance=[Relevance((3,))])
    found = levels(described)
    assert [level.name for level in found] == [OWN, "product", "family", "category"]
    assert answers(found[0]) == [3]


def test_what_the_protocol_ignores_is_ignored_at_every_level() -> None:
    described = made_task([Made(0, "a", "jar", "f")], GALLERY, relevance=[Relevance((), (0,))])
    found = {level.name: level for level in levels(described)}
    assert answers(found["family"]) == [1]
    assert found["family"].totals == (1,)
    assert found["product"].answerable == []


def test_images_that_cannot_be_read_still_count_among_the_answers() -> None:
    gone = DatasetImage("gone", Path("gone.png"), "jar", "f", "b")
    described = made_task([Made(0, "a", "jar", "f")], GALLERY, unread=[gone])
    found = {level.name: level for level in levels(described)}
    assert (found["product"].totals, found["family"].totals) == ((1,), (3,))


def test_a_query_that_nothing_answers_is_not_asked() -> None:
    described = made_task([Made(0, "z", "jar", "f"), Made(0, "a", "jar", "f")], GALLERY)
    product, family, _ = levels(described)
    assert product.answerable == [1]
    assert family.answerable == [0, 1]


places = st.integers(0, 3).map(float)
made = st.builds(
    Made,
    places,
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["jar", "tube", None]),
    st.sampled_from(["f", "g", None]),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(made, min_size=1, max_size=4), st.lists(made, min_size=1, max_size=6))
def test_levels_agree_with_lists_of_equal_labels(queries: list[Made], gallery: list[Made]) -> None:
    described = made_task(queries, gallery)
    task = described.task
    for level in levels(described):
        if level.name not in LABELS:
            continue
        expected = same_label(task.queries, task.gallery, LABELS[level.name], counts_itself=True)
        for query, answer in enumerate(expected):
            assert tuple(np.flatnonzero(level.relevant(query))) == answer.relevant
            assert level.totals[query] == len(answer.relevant)

"""Relevance by labels: against a slow obvious twin; and what the values refuse."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offline.datasets import (
    DatasetImage,
    Relevance,
    RetrievalTask,
    by_family,
    by_product,
    same_label,
)

products = st.sampled_from(["a", "b", "c", None])


def images(labels: list[str | None], start: int = 0) -> list[DatasetImage]:
    return [
        DatasetImage(str(at), Path(f"{at}.jpg"), product=label)
        for at, label in enumerate(labels, start=start)
    ]


@given(
    st.lists(products, max_size=9), st.lists(products, max_size=9), st.integers(0, 9), st.booleans()
)
def test_it_agrees_with_comparing_all_pairs(
    query_labels: list[str | None],
    gallery_labels: list[str | None],
    start: int,
    counts_itself: bool,
) -> None:
    # The shift lets some queries be in the gallery, with the same or with another label.
    queries, gallery = images(query_labels), images(gallery_labels, start)
    answers = same_label(queries, gallery, by_product, counts_itself=counts_itself)
    for query, answer in zip(queries, answers, strict=True):
        own = [at for at, one in enumerate(gallery) if one.id == query.id and not counts_itself]
        same = [
            at
            for at, one in enumerate(gallery)
            if one.product is not None and one.product == query.product and at not in own
        ]
        assert answer == Relevance(tuple(same), tuple(own))


def test_families_of_two_categories_are_different_families() -> None:
    jar, cap = (
        DatasetImage(name, Path(name), category=name, family="f01", product=None)
        for name in ("jar", "cap")
    )
    assert same_label([jar], [jar, cap], by_family, counts_itself=True) == (Relevance((0,)),)


@pytest.mark.parametrize(
    ("relevant", "ignored", "complaint"),
    [((2, 1), (), "ascend"), ((), (3, 3), "ascend"), ((1, 2), (2,), "both")],
)
def test_positions_ascend_and_are_relevant_or_ignored(
    relevant: tuple[int, ...], ignored: tuple[int, ...], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Relevance(relevant, ignored)


def test_a_task_needs_a_relevance_a_query_within_the_gallery() -> None:
    one = tuple(images(["a"]))
    assert RetrievalTask("t", one, one, (Relevance(()),)).unanswerable == (0,)
    for wrong in ((), (Relevance((1,)),), (Relevance((), (-1,)),)):
        with pytest.raises(ValueError, match="t: "):
            RetrievalTask("t", one, one, wrong)
    with pytest.raises(ValueError, match="depth"):
        RetrievalTask("t", one, one, (Relevance(()),), depth=0)
    with pytest.raises(ValueError, match="at least one"):
        RetrievalTask("t", (), one, ())


@pytest.mark.parametrize("name", ["box", "crop"])
def test_an_empty_box_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        DatasetImage("a", Path("a"), **{name: (3, 0, 3, 9)})  # type: ignore[arg-type]

"""Products as a user gets them, and the stage that lost the correct one."""

from __future__ import annotations

import pytest

from engine.types import MatteQuality
from offline.evaluate.end_to_end.measure import PRODUCTS, Loss, Outcome, outcome
from offline.evaluate.end_to_end.show import end_to_end_section, loss_table
from offline.evaluate.task import DescribedTask
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.made_tasks import Made, made_task, scores

GALLERY = [Made(0, "a"), Made(1, "b"), Made(2, "c"), Made(9, "d"), Made(4, "e", "tube")]


def judged(task: DescribedTask, query: int = 0) -> Outcome:
    return outcome(task, query, task.answer(query, PRODUCTS))


@pytest.mark.parametrize(
    ("query", "loss"),
    [
        (Made(0.9, "a"), Loss.NONE),  # second, and Reversed(2) puts it first
        (Made(0.1, "a"), Loss.SPOILED),
        (Made(9, "c"), Loss.NONE),
        (Made(0, "c"), Loss.RETRIEVAL),
        (Made(4, "e", "tube", scores=scores(jar=0.99, tube=0.01)), Loss.ROUTE),
    ],
)
def test_each_stage_is_blamed_for_what_it_lost(query: Made, loss: Loss) -> None:
    described = made_task([query], GALLERY, reranker=Reversed(2))
    assert judged(described).loss == loss


def test_a_right_product_that_the_rerank_sees_and_leaves_is_not_lifted() -> None:
    described = made_task([Made(0.9, "c")], GALLERY, reranker=Reversed(3))
    # Retrieved b, a, c; turned around c, a, b: put first. With 4: d first.
    assert judged(described).loss == Loss.NONE
    described = made_task([Made(0.9, "c")], GALLERY, reranker=Reversed(4))
    assert judged(described).loss == Loss.NOT_LIFTED
    assert judged(described).rank == 2


def test_losses_add_up_to_all_queries_and_doubtful_masks_are_counted() -> None:
    doubtful = MatteQuality(touches_border=True)
    queries = [Made(0.1, "a", quality=doubtful), Made(0.9, "a"), Made(0, "c")]
    described = made_task(queries, GALLERY, reranker=Reversed(2))
    found = [judged(described, at) for at in range(3)]
    rows = {row[0]: row[1:] for row in loss_table(found).rows}
    assert sum(int(row[0]) for row in rows.values()) == 3
    assert rows[Loss.SPOILED] == ("1", "0.333", "1")
    assert rows[Loss.NONE] == ("1", "0.333", "0")


def test_products_are_counted_once_by_their_best_view() -> None:
    gallery = [Made(0, "a"), Made(0.1, "a"), Made(0.2, "a"), Made(1, "b")]
    section = end_to_end_section(made_task([Made(0, "b")], gallery))
    found = {figure.name: figure.value for figure in section.groups[0].figures}
    assert found["top@1 products"] == 0
    assert found["top@3 products"] == 1
    assert found["MRR products"] == 1 / 2
    assert found["categories searched"] == 1


def test_without_an_answerable_query_the_section_says_so() -> None:
    section = end_to_end_section(made_task([Made(0, "z")], GALLERY))
    assert section.groups == ()
    assert "No query" in section.notes[0]

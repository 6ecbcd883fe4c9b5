"""Products as a user gets them, and the stage that lost the right one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.describe import Described
from engine.search import Searcher
from engine.types import MatteQuality
from offline.datasets import open_dataset
from offline.datasets.relevance import by_product, label_task
from offline.evaluate.answering.answers import answer
from offline.evaluate.answering.losses import Loss, fate, loss_table
from offline.evaluate.answering.section import end_to_end_section
from offline.evaluate.gathering import gather
from tests.drawn_catalogue import write_catalogue
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.counting_parts import quick_settings
from tests.offline.evaluate.made_evidence import Made, made_evidence, scores
from tests.offline.evaluate.test_evidence import NO_CUTOUT, in_a_gallery

GALLERY = [Made(0, "a"), Made(1, "b"), Made(2, "c"), Made(9, "d"), Made(4, "e", "tube")]


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
    evidence = made_evidence([query], GALLERY, reranker=Reversed(2))
    assert fate(evidence, 0, answer(evidence, 0)).loss == loss


def test_a_right_product_that_the_rerank_sees_and_leaves_is_not_lifted() -> None:
    evidence = made_evidence([Made(0.9, "c")], GALLERY, reranker=Reversed(3))
    # Retrieved b, a, c; turned around c, a, b: put first. With 4: d first.
    assert fate(evidence, 0, answer(evidence, 0)).loss == Loss.NONE
    evidence = made_evidence([Made(0.9, "c")], GALLERY, reranker=Reversed(4))
    assert fate(evidence, 0, answer(evidence, 0)).loss == Loss.NOT_LIFTED
    assert fate(evidence, 0, answer(evidence, 0)).rank == 2


def test_losses_add_up_to_all_queries_and_doubtful_masks_are_counted() -> None:
    doubtful = MatteQuality(touches_border=True)
    queries = [Made(0.1, "a", quality=doubtful), Made(0.9, "a"), Made(0, "c")]
    evidence = made_evidence(queries, GALLERY, reranker=Reversed(2))
    fates = [fate(evidence, at, answer(evidence, at)) for at in range(3)]
    rows = {row[0]: row[1:] for row in loss_table(fates).rows}
    assert sum(int(row[0]) for row in rows.values()) == 3
    assert rows[Loss.SPOILED] == ("1", "0.333", "1")
    assert rows[Loss.NONE] == ("1", "0.333", "0")


def test_products_are_counted_once_by_their_best_view() -> None:
    gallery = [Made(0, "a"), Made(0.1, "a"), Made(0.2, "a"), Made(1, "b")]
    section = end_to_end_section(made_evidence([Made(0, "b")], gallery))
    found = {figure.name: figure.value for figure in section.groups[0].figures}
    assert found["top@1 products"] == 0
    assert found["top@3 products"] == 1
    assert found["MRR products"] == 1 / 2
    assert found["categories searched"] == 1


def test_without_an_answerable_query_the_section_says_so() -> None:
    section = end_to_end_section(made_evidence([Made(0, "z")], GALLERY))
    assert section.groups == ()
    assert "No query" in section.notes[0]


def test_answers_are_those_of_the_real_searcher(tmp_path: Path) -> None:
    """The twin: the same descriptions in a real gallery, with the stage's own rerank."""
    write_catalogue(tmp_path / "data", products=4, views=3)
    task = open_dataset(tmp_path / "data").retrieval("product")
    shown = [picture for at, picture in enumerate(task.gallery) if at % 3]
    half = label_task("photos", task.queries[::3], shown, by_product)
    settings = quick_settings("rerank.name=fused", "rerank.weight=0.3", "rerank.top_n=4")
    evidence = gather(half, settings, tmp_path / "cache")
    with in_a_gallery(evidence, tmp_path / "gallery", grouped=True) as gallery:
        describer = evidence.parts.describer
        searcher = Searcher(
            describer,
            gallery,
            evidence.parts.reranker,
            settings.route,
            describer.embedder.normalised,
        )
        for query, description in enumerate(evidence.queries):
            real = searcher.match(Described(description, NO_CUTOUT), k=5).hits
            mine = answer(evidence, query, 5).hits
            assert [h.record.uri for h in real] == [h.record.uri for h in mine]
            assert [h.rank for h in real] == [h.rank for h in mine]

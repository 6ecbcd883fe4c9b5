"""The section on retrieval: figures that agree with their definitions, and its images."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.types import Hit
from offline.evaluate.retrieval.show import EVERYWHERE, RERANKED, RETRIEVED, retrieval_section
from offline.report.document import Cards, Figure, Histogram, Lines, Section, Table
from tests.engine.fake_parts import Reversed
from tests.offline.evaluate.made_tasks import Made, made_task, scores

GALLERY = [Made(0, "a"), Made(1, "b"), Made(2, "c"), Made(3, "a"), Made(4, "d", "tube")]


def figures(section: Section, group: str) -> dict[str, Figure]:
    (found,) = [one for one in section.groups if one.name == group]
    return {figure.name: figure for figure in found.figures}


def block(section: Section, title: str) -> Table | Lines | Histogram | Cards:
    (found,) = [one for one in section.blocks if getattr(one, "title", "") == title]
    return found  # type: ignore[return-value]


def test_every_figure_is_that_of_the_ranking_it_names() -> None:
    """Ranking of a query at 1 for product a: b (1), then a and c at 1 (places 0, 2), a (3)."""
    section = retrieval_section(made_task([Made(1, "a")], GALLERY))
    found = figures(section, f"product, {RERANKED}")
    assert found["top@1"].value == 0
    assert found["top@5"].value == 1
    assert found["MRR"].value == 1 / 2
    assert found["mAP"].value == pytest.approx((1 / 2 + 2 / 4) / 2)
    assert found["P@5"].value == 2 / 5
    assert found["recall@10"].value == 1
    assert found["R-precision"].value == 1 / 2


def test_the_rerank_and_the_routing_are_told_apart() -> None:
    query = Made(3.6, "d", "tube", scores=scores(jar=0.99, tube=0.01))
    section = retrieval_section(made_task([query], GALLERY, reranker=Reversed(2)))
    assert figures(section, f"product, {RERANKED}")["MRR"].value == 0  # routed to jars
    assert figures(section, f"product, {EVERYWHERE}")["MRR"].value == 1
    jar = Made(2.1, "c")
    section = retrieval_section(made_task([jar], GALLERY, reranker=Reversed(2)))
    assert figures(section, f"product, {RETRIEVED}")["MRR"].value == 1
    assert figures(section, f"product, {RERANKED}")["MRR"].value == 1 / 2


def test_samples_are_aligned_with_the_queries_that_have_an_answer() -> None:
    queries = [Made(0, "a"), Made(0, "nobody"), Made(1, "b"), Made(0.9, "a")]
    section = retrieval_section(made_task(queries, GALLERY))
    group = section.groups[0]
    assert group.items == ("q/0", "q/2", "q/3")
    assert group.clusters == ("a", "b", "a")
    assert group.figures[0].samples == (1.0, 1.0, 0.0)
    assert any(note.startswith("1 queries") and "left out" in note for note in section.notes)


def test_no_query_with_an_answer_is_a_section_without_figures() -> None:
    section = retrieval_section(made_task([Made(0, "x", None)], GALLERY))
    assert section.groups == ()
    assert section.blocks == ()


def test_what_the_rerank_moved_is_counted() -> None:
    queries = [Made(2.1, "c"), Made(2.4, "a"), Made(4, "nobody")]
    section = retrieval_section(made_task(queries, GALLERY, reranker=Reversed(2)))
    table = block(section, "What reranking moved")
    assert isinstance(table, Table)
    assert dict(table.rows) == {
        "became correct at first place": "1",
        "was correct at first place, is no longer": "1",
        "moved up": "1",
        "moved down": "1",
        "kept its rank": "0",
        "not found: its category was not searched": "0",
        "all": "2",
    }
    histogram = block(section, "Rank changes by reranking")
    assert isinstance(histogram, Histogram)
    assert sum(histogram.counts["queries"]) == 2


def test_the_curve_rises_to_the_share_that_is_found() -> None:
    queries = [Made(0, "a"), Made(1.1, "c"), Made(4, "d", "tube")]
    section = retrieval_section(made_task(queries, GALLERY))
    curve = block(section, "Answered within k hits")
    assert isinstance(curve, Lines)
    for series in curve.series:
        assert all(a <= b for a, b in zip(series.ys, series.ys[1:], strict=False))
        assert series.ys[0] == pytest.approx(2 / 3)
        assert series.ys[-1] == 1


def test_examples_name_images_that_are_not_there() -> None:
    section = retrieval_section(made_task([Made(1, "a")], GALLERY))
    cards = block(section, "Furthest from correct")
    assert isinstance(cards, Cards)
    (card,) = cards.cards
    assert [image.uri for image in card.pictures][:2] == ["q/0", "g/1"]
    assert [image.label for image in card.pictures][:3] == [
        "query",
        "incorrect, 1",
        "correct, 2",
    ]


class Shuffled:
    """Permutes its head by a seed."""

    def __init__(self, seed: int, top_n: int) -> None:
        self.seed, self.top_n = seed, top_n

    def rerank(self, query: object, hits: list[Hit]) -> list[Hit]:
        head = [
            hits[at] for at in np.random.default_rng(self.seed).permutation(len(hits[: self.top_n]))
        ]
        return [hit.at(rank) for rank, hit in enumerate([*head, *hits[self.top_n :]], start=1)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_figures_agree_with_a_plain_walk_through_the_ranking(data: st.DataObject) -> None:
    places = st.integers(0, 6).map(float)
    made = st.builds(Made, places, st.sampled_from("abc"), st.sampled_from(["jar", "tube"]))
    queries = data.draw(st.lists(made, min_size=1, max_size=4))
    gallery = data.draw(st.lists(made, min_size=1, max_size=8))
    reranker = Shuffled(data.draw(st.integers(0, 9)), data.draw(st.integers(0, 5)))
    described = made_task(queries, gallery, "route.unsure_below=1", reranker=reranker)
    section = retrieval_section(described)
    walked = []
    for at, query in enumerate(queries):
        total = sum(one.product == query.product for one in gallery)
        if total:
            ranking = next(itertools.islice(described.rankings([RETRIEVED]), at, None))[RETRIEVED]
            hits = reranker.rerank(None, described.candidates(ranking, len(gallery)))
            walked.append(
                average_precision([h.record.product_id == query.product for h in hits], total)
            )
    if walked:
        found = figures(section, f"product, {RERANKED}")["mAP"].value
        assert found == pytest.approx(sum(walked) / len(walked))


def average_precision(right: list[bool], total: int) -> float:
    seen, summed = 0, 0.0
    for rank, one in enumerate(right, start=1):
        if one:
            seen += 1
            summed += seen / rank
    return summed / total

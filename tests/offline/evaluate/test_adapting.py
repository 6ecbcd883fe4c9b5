"""A task whose gallery is adapted: compared as a gallery that serves, fitted to no query."""

from __future__ import annotations

from dataclasses import fields, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from engine.galleries import open_gallery
from engine.types import Embedding
from offline.adapt.gallery import report_lines
from offline.evaluate.ablation.measure import ablate
from offline.evaluate.ablation.show import ablation_blocks
from offline.evaluate.ablation.variants import variants
from offline.evaluate.adapting import adapt_task, adapt_vectors
from offline.evaluate.efficiency.measure import fill
from offline.evaluate.task import EVERYWHERE, DescribedTask, VectorTask
from stages.open_searcher import searcher_of
from tests.offline.evaluate.made_tasks import Made, made_task

PRODUCTS, VIEWS = 20, 3
LOUD = 3.0  # how much views of a product vary in eight of the numbers, which is noise


@cache
def task(*, own: bool = False) -> DescribedTask:
    """One query a product and three images of it; ``own``: the queries are gallery images."""
    gallery = [Made(0, f"p{at // VIEWS}", "ab"[at % 2]) for at in range(PRODUCTS * VIEWS)]
    made = made_task([Made(0, f"p{at}") for at in range(PRODUCTS)], gallery)
    random = np.random.default_rng(0)
    dimension = made.parts.describer.embedder.dimension
    points = random.normal(size=(PRODUCTS, 8))

    def vector(product: int) -> Embedding:
        row = np.zeros(dimension, np.float32)
        row[:8] = points[product] + 0.2 * random.normal(size=8)
        row[8:16] = LOUD * random.normal(size=8)
        return Embedding(row / np.linalg.norm(row))

    queries = tuple(
        replace(one, embedding=vector(product)) for product, one in enumerate(made.queries)
    )
    records = tuple(
        replace(one, description=replace(one.description, embedding=vector(at // VIEWS)))
        for at, one in enumerate(made.gallery)
    )
    if own:
        images = made.task.gallery[:PRODUCTS]
        made = replace(made, task=replace(made.task, queries=images))
    return replace(made, queries=queries, gallery=records).compared_by(None)


@cache
def adapted() -> DescribedTask:
    return adapt_task(task())


def correct(described: VectorTask) -> float:
    """The fraction of queries whose first image is of their product."""
    first = [int(ways[EVERYWHERE].first(1)[0]) for ways in described.rankings([EVERYWHERE])]
    pairs = zip(first, described.task.relevance, strict=True)
    return float(np.mean([at in one.relevant for at, one in pairs]))


def test_an_adapted_gallery_is_ranked_as_it_is_compared() -> None:
    found = adapted()
    assert found.adaptation is not None and found.fit is not None
    assert (found.fit.images, found.fit.products) == (PRODUCTS * VIEWS, PRODUCTS)
    assert correct(found) > correct(task()) + 0.2
    assert "calibrate" not in " ".join(report_lines(found.fit)), "its gallery is a temporary one"


def test_products_are_answered_as_by_a_gallery_on_disk(tmp_path: Path) -> None:
    found = adapted()
    fill(tmp_path / "g", found.parts, found.gallery, found.adaptation)
    with open_gallery(tmp_path / "g") as gallery:
        searcher = searcher_of(found.parts, gallery)
        for at, query in enumerate(found.queries):
            served = searcher.rank(query, 5).products[:5]
            ours = found.answer(at, 5).products[:5]
            assert [hit.record.product_id for hit in ours] == [
                hit.record.product_id for hit in served
            ]
            scores = [hit.score for hit in served]
            assert [hit.score for hit in ours] == pytest.approx(scores, abs=1e-5)


def test_an_absent_product_is_searched_by_what_was_fitted_without_it() -> None:
    found = adapt_task(task(), absent=True)
    assert set(found.without_product) == {record.product_id for record in found.gallery}
    identities = {one.identity for one in found.without_product.values()}
    assert found.adaptation is not None and found.adaptation.identity not in identities
    absent = found.answer(0, 5, without=["p0"])
    assert "p0" not in [hit.record.product_id for hit in absent.products]
    kept = adapted().answer(0, 5, without=["p0"])
    assert absent.products[0].score != kept.products[0].score
    assert found.answer(0, 5).products[0].score == adapted().answer(0, 5).products[0].score


def test_vectors_alone_are_adapted_as_well() -> None:
    base = task()
    given = {one.name: getattr(base, one.name) for one in fields(VectorTask)}
    found, lines = adapt_vectors(VectorTask(**given))
    assert found.normalised and any(line.startswith("projection: taken") for line in lines)
    assert correct(found) > correct(VectorTask(**given)) + 0.2
    given["task"] = replace(base.task, gallery=base.task.queries[:1] * len(base.gallery))
    every = VectorTask(**given)
    assert adapt_vectors(every)[0] is every


def test_no_query_takes_part_in_the_fit() -> None:
    found = adapt_task(task(own=True))
    assert found.fit is not None
    assert found.fit.images == PRODUCTS * VIEWS - PRODUCTS


def test_where_every_image_is_a_query_nothing_is_fitted() -> None:
    base = task()
    ours = replace(base, task=replace(base.task, gallery=base.task.queries[:1] * len(base.gallery)))
    assert adapt_task(ours) is ours


def test_without_an_adaptation_the_task_is_as_it_was() -> None:
    base, back = task(), adapted().compared_by(None)
    assert np.array_equal(back.vectors, base.vectors) and np.array_equal(back.rows, base.rows)
    for one, other in zip(back.queries, base.queries, strict=True):
        assert one.scores.names == other.scores.names
    assert correct(back) == correct(base)


def test_each_part_alone_is_a_variant_of_an_ablation() -> None:
    found = adapted()
    chosen = [
        one
        for one in variants(found.settings, describing=False, adaptation=found.adaptation)
        if one.adapts
    ]
    # Categories are by chance: the head searches both of them.
    assert [one.name for one in chosen] == [
        "without adaptation",
        "without the category head",
        "centring alone",
    ]
    ablated = ablate(found.task, found, chosen, Path("unused"))
    assert ablated is not None
    without = ablated.switched[0].differences[0]
    assert without.mean < -0.1
    whole, none, headless, centring = ablated.costs
    assert none.once == 0 < centring.once < headless.once < whole.once
    assert whole.image < centring.image == none.image  # fewer dimensions
    assert all(one.milliseconds > 0 for one in ablated.costs)
    assert [block.title for block in ablation_blocks(ablated)][1] == "What an adaptation costs"
    assert not any(one.adapts for one in variants(found.settings, describing=False))

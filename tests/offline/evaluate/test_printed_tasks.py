"""Tasks whose products differ by print alone: evaluated as they are served."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.config import load
from engine.galleries import open_gallery
from offline.datasets import RetrievalTask, open_dataset
from offline.evaluate.ablation.measure import ablate
from offline.evaluate.ablation.variants import variants
from offline.evaluate.describing import describe_task
from offline.evaluate.efficiency.measure import fill
from offline.evaluate.end_to_end.measure import outcomes
from offline.evaluate.end_to_end.show import print_tables
from offline.evaluate.example_images import matched
from offline.evaluate.no_match.measure import trials
from offline.evaluate.retrieval.measure import levels, measure_rankings
from offline.evaluate.retrieval.show import retrieval_section
from offline.evaluate.task import RERANKED, RETRIEVED, DescribedTask
from offline.report.document import Card, Cards, Section
from stages.open_searcher import searcher_over
from tests.drawn_catalogue import save
from tests.offline.evaluate.counting_parts import quick_settings

COUNT = 8
FEWEST = 1  # products: then a search retrieves no more images than print and reranking need


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> RetrievalTask:
    """Two images of each label, the second one turned."""
    folder = tmp_path_factory.mktemp("printed")
    for product in range(COUNT):
        coarse = np.random.default_rng(product).integers(0, 255, (32, 32, 3), np.uint8)
        label = cv2.resize(coarse, (256, 256), interpolation=cv2.INTER_CUBIC)
        turn = cv2.getRotationMatrix2D((128.0, 128.0), 20, 0.8)
        turned = cv2.warpAffine(label, turn, (256, 256), borderValue=(128, 128, 128))
        for name, pixels in (("a", label), ("b", turned)):
            save(folder / "jar" / f"p{product}" / f"{name}.png", np.asarray(pixels, np.uint8))
    return open_dataset(folder).retrieval("product")


@pytest.fixture(scope="module")
def described(task: RetrievalTask, tmp_path_factory: pytest.TempPathFactory) -> DescribedTask:
    settings = quick_settings("keypoints.name=sift", "keypoints.stored=60", "runtime.threads=1")
    return describe_task(task, settings, tmp_path_factory.mktemp("cache"))


def first_correct(found: DescribedTask, way: str = RERANKED) -> float:
    (level, *_) = levels(found)
    measured = measure_rankings(found, [level], [way], ["top@1"])
    return float(measured.of(level)[way].values.mean())


def test_print_is_counted_as_it_is_served(described: DescribedTask) -> None:
    assert first_correct(described) > 0.9 > 0.5 > first_correct(described, RETRIEVED)


def test_a_gallery_holds_fewer_keypoints_than_its_images_as_queries(
    described: DescribedTask,
) -> None:
    counts = {
        (len(query.keypoints or ()) > 60, len(record.description.keypoints or ()))
        for query, record in zip(described.queries, described.gallery, strict=True)
    }
    assert counts == {(True, 60)}


@pytest.mark.parametrize("flags", [(), ("query.exhaustive=true", "keypoints.checked=4")])
def test_the_order_of_an_evaluation_is_that_of_a_gallery_on_disk(
    described: DescribedTask, flags: tuple[str, ...], tmp_path: Path
) -> None:
    described = described.searching(load(described.settings, env={}, flags=flags))
    fill(tmp_path / "g", described.parts, described.gallery)
    rankings = [ways[RERANKED] for ways in described.rankings([RERANKED])]
    with open_gallery(tmp_path / "g") as gallery:
        searcher = searcher_over(gallery).searcher
        place = {source.uri: source.id for source in gallery.sources()}
        for at, query in enumerate(described.queries):
            own = place[described.gallery[at].uri]
            served = searcher.rank(query, FEWEST, without={own})
            evaluated = described.answer(at, FEWEST)
            for one, other in zip(served.products, evaluated.products, strict=True):
                assert one.record.product_id == other.record.product_id
                assert one.why == other.why
                assert (one.match is None) == (other.match is None)
                if one.match is not None and other.match is not None:
                    np.testing.assert_array_equal(one.match.places, other.match.places)
            order = [described.gallery[place].product_id for place in rankings[at].first(COUNT * 2)]
            assert list(dict.fromkeys(order)) == [hit.record.product_id for hit in served.products]


def cards_of(section: Section) -> list[Card]:
    return [card for block in section.blocks if isinstance(block, Cards) for card in block.cards]


def test_examples_of_a_report_name_the_places_that_match_and_draw_them(
    described: DescribedTask,
) -> None:
    corrected = cards_of(retrieval_section(described))
    plain = cards_of(retrieval_section(without_print(described)))
    assert corrected and plain
    for card in corrected:
        (line,) = [line for line in card.lines if "matching places on the label: " in line]
        assert "with hit 1" in line
        assert card.pictures[1].label == "correct, 1"
    assert not any("matching places" in line for card in plain for line in card.lines)
    undrawn = {picture.uri: picture.jpeg for card in plain for picture in card.pictures}
    drawn = {picture.uri for card in corrected for picture in card.pictures[:2]}
    for card in corrected:
        for picture in card.pictures[:2]:
            assert picture.jpeg and picture.jpeg != undrawn.get(picture.uri)
    assert drawn


def test_the_hits_of_a_report_are_all_compared(described: DescribedTask) -> None:
    others = [at for at in range(COUNT * 2) if at != 0]
    found = matched(described, 0, others)
    product = described.gallery[0].product_id
    for at, match in zip(others, found, strict=True):
        assert (match is not None) == (described.gallery[at].product_id == product)
    assert matched(without_print(described), 0, others) == [None] * len(others)


def test_a_report_counts_first_hits_by_their_matching_places(described: DescribedTask) -> None:
    (table,) = print_tables(described, outcomes(described))
    counts = [int(row[1]) for row in table.rows]
    assert sum(counts) == COUNT * 2
    assert sum(counts[1:]) > 0.9 * sum(counts)
    bare = without_print(described)
    assert print_tables(bare, outcomes(bare)) == []


def without_print(described: DescribedTask) -> DescribedTask:
    """The same task, searched without comparing print."""
    parts = replace(described.parts, describer=replace(described.parts.describer, keypoints=None))
    return replace(described, parts=parts)


def test_an_ablation_shows_what_print_is_worth(
    task: RetrievalTask, described: DescribedTask
) -> None:
    chosen = [
        one
        for one in variants(described.settings, describing=False)
        if one.name == "without keypoints"
    ]
    found = ablate(task, described, chosen, Path("unused"))
    assert found is not None
    (without,) = found.switched
    assert without.differences[0].high < 0
    assert first_correct(described.searching(chosen[0].settings(described.settings))) < 0.5
    plain = quick_settings("rerank.name=none")
    assert not [one for one in variants(plain, describing=False) if "keypoints" in one.name]


def test_an_exhaustive_search_is_evaluated_with_what_print_finds(described: DescribedTask) -> None:
    few = load(described.settings, env={}, flags=["keypoints.checked=2"])
    everywhere = load(few, env={}, flags=["query.exhaustive=true"])
    assert first_correct(described.searching(few)) < 0.5
    assert first_correct(described.searching(everywhere)) > 0.9


def test_no_match_is_evaluated_by_print(described: DescribedTask) -> None:
    """By the first hit's matching places and their lead."""
    found = [one.answer for one in trials(described)]
    present, absent = (
        [one.features[0, 3:] for one in found if one.present == kind] for kind in (True, False)
    )
    assert np.min(present) > 10 > np.max(absent)

"""Whole evaluations of drawn benchmarks: what is asked, left out, counted and shown."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.datasets import Dataset, open_dataset
from offline.evaluate.benchmarks import open_benchmark
from offline.evaluate.plan import Plan
from offline.evaluate.report import Report
from offline.evaluate.report_json import json_text
from offline.evaluate.retrieval import Outcome, evaluate_retrieval
from offline.evaluate.searching import KReciprocal, Search
from offline.metrics.statistics import bootstrap
from offline.report.files import write_texts
from stages.assemble import assemble_embedding
from tests.drawn_catalogue import package, save, write_catalogue
from tests.offline.datasets.small_datasets import write_silhouettes
from tests.offline.evaluate.counting_parts import (
    CountingEmbedder,
    counting_parts,
    quick_settings,
)
from tests.offline.evaluate.drawn_benchmarks import write_drawn_landmarks, write_drawn_products


def evaluated(
    dataset: Dataset, tmp_path: Path, *protocols: str, plan: Plan | None = None
) -> list[Outcome]:
    parts = counting_parts(CountingEmbedder())
    outcomes, faults = evaluate_retrieval(dataset, protocols, parts, tmp_path / "cache", plan)
    assert not faults
    return outcomes


def test_online_products_asks_every_test_picture_of_all_others(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    (outcome,) = evaluated(open_dataset(tmp_path / "sop"), tmp_path, "test")
    assert len(outcome.judged) == 12 and outcome.asked_of == 12
    # Colours tell the products apart and a shift changes none: its own views come first.
    assert outcome.summary.mean("R@1") == 1.0
    assert outcome.summary.mean("P@5") == pytest.approx(2 / 5)
    assert outcome.summary.mean("recall@5") == 1.0
    own = [one.first == at for at, one in enumerate(outcome.judged)]
    assert not any(own)


def test_intervals_draw_all_photos_of_a_product_together(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=6)
    (outcome,) = evaluated(open_dataset(tmp_path / "sop"), tmp_path, "test", plan=Plan(seed=3))
    products = [query.product for query in outcome.task.queries]
    assert len(set(products)) == 6 and len(products) == 18
    for name, column, interval in zip(
        outcome.summary.names, outcome.summary.values.T, outcome.summary.intervals, strict=True
    ):
        together = bootstrap(column.tolist(), seed=3, clusters=products)
        assert (interval.low, interval.high) == pytest.approx((together.low, together.high)), name


def test_revisited_protocols_ignore_junk_and_leave_out_queries_without_answers(
    tmp_path: Path,
) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    easy, medium, hard = evaluated(dataset, tmp_path, *dataset.protocols)
    assert [len(one.judged) for one in (easy, medium, hard)] == [1, 2, 2]
    assert (easy.unanswerable, easy.asked_of) == (1, 2)
    # The four jars look alike: with the other jars ignored, easy and hard are both perfect.
    assert easy.summary.mean("mAP-trapezoid") == pytest.approx(1.0)
    assert easy.judged[0].found.ranks.tolist() == [1, 2]
    assert hard.judged[0].found.ranks.tolist() == [1]
    assert medium.judged[0].found.ranks.tolist() == [1, 2, 3]


def test_pictures_are_embedded_once_for_all_protocols(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    embedder = CountingEmbedder()
    dataset = open_dataset(tmp_path / "rox")
    evaluate_retrieval(dataset, dataset.protocols, counting_parts(embedder), tmp_path / "cache")
    assert embedder.embedded == 7 + 2


def test_a_limit_asks_fewer_queries_of_the_whole_gallery(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    (outcome,) = evaluated(open_dataset(tmp_path / "sop"), tmp_path, "test", plan=Plan(limit=4))
    assert (len(outcome.judged), outcome.asked_of, len(outcome.task.gallery)) == (4, 12, 12)


def test_unreadable_pictures_are_said_left_out_as_queries_and_missed_in_the_gallery(
    tmp_path: Path,
) -> None:
    write_drawn_products(tmp_path / "sop")
    (tmp_path / "sop" / "bottle_final" / "0_0.PNG").write_bytes(b"broken")
    parts = counting_parts(CountingEmbedder())
    dataset = open_dataset(tmp_path / "sop")
    (outcome,), faults = evaluate_retrieval(dataset, ["test"], parts, tmp_path / "cache")
    assert len(faults) == 1 and "0_0.PNG" in faults[0]
    assert (len(outcome.judged), outcome.unreadable, outcome.absent) == (11, 1, 1)
    # The two other views of that product can find one of two.
    assert [one.found.total for one in outcome.judged[:2]] == [2, 2]
    assert [len(one.found.ranks) for one in outcome.judged[:3]] == [1, 1, 2]
    assert outcome.summary.mean("recall@5") == pytest.approx((2 * 0.5 + 9) / 11)


def test_data_without_its_pictures_is_refused(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    for path in (tmp_path / "sop" / "bottle_final").iterdir():
        path.unlink()
    dataset = open_dataset(tmp_path / "sop")
    with pytest.raises(ConfigError, match=r"not one query can be read.*Unpack"):
        evaluate_retrieval(
            dataset, ["test"], counting_parts(CountingEmbedder()), tmp_path / "cache"
        )


def test_classes_have_a_table_of_their_own_for_corel(tmp_path: Path) -> None:
    for number in (*range(4), *range(100, 104)):
        category = "jar" if number < 100 else "bottle"
        save(tmp_path / "corel" / f"{number}.png", package(category, number // 100, number % 4))
    (outcome,) = evaluated(open_dataset(tmp_path / "corel", "corel"), tmp_path, "category")
    assert outcome.summary.names == ("P@10", "P@20", "mAP", "R@1")
    assert set(outcome.by_class) == {"africa", "beach"}
    assert outcome.by_class["africa"][0] == pytest.approx(3 / 10)


def test_a_task_of_limited_depth_is_judged_within_it(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "shapes")
    (outcome,) = evaluated(open_dataset(tmp_path / "shapes"), tmp_path, "bullseye")
    assert outcome.summary.names == ("recall@6", "R@1", "mAP")
    assert outcome.summary.mean("recall@6") == 1.0  # six pictures, all within the depth


def test_a_query_that_answers_itself_may_be_expanded_and_reranked(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "shapes")
    plan = Plan(Search(expand=2, rerank=KReciprocal(top_n=4)))
    (outcome,) = evaluated(open_dataset(tmp_path / "shapes"), tmp_path, "bullseye", plan=plan)
    assert outcome.summary.mean("recall@6") == 1.0


def test_queries_that_the_gallery_holds_by_content_are_counted(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    folder = tmp_path / "sop" / "bottle_final"
    (folder / "3_2.PNG").write_bytes((folder / "0_0.PNG").read_bytes())
    (outcome,) = evaluated(open_dataset(tmp_path / "sop"), tmp_path, "test")
    assert outcome.copies == 2  # each of the two is a copy of the other


def test_file_names_that_are_no_text_are_evaluated_and_reported_escaped(tmp_path: Path) -> None:
    for side, views in (("gallery", 2), ("query", 1)):
        for product in range(2):
            for view in range(views):
                name = os.fsdecode(b"view\xff%d.png" % view)
                path = tmp_path / "frames" / side / f"p{product}" / name
                save(path, package("jar", product, view))
    dataset = open_dataset(tmp_path / "frames")
    parts = counting_parts(CountingEmbedder())
    outcomes, _ = evaluate_retrieval(dataset, ["product"], parts, tmp_path / "cache")
    report = Report(dataset.name, outcomes, parts, Plan(), {}, 0)
    write_texts({tmp_path / "report.json": json_text(report, per_query=True)})
    (found,) = json.loads((tmp_path / "report.json").read_text("utf-8"))["protocols"]
    assert found["per_query"][0]["id"] == os.fsdecode(b"query/p0/view\xff0.png")


def test_the_similarity_of_first_hits_is_their_cosine(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=2, views=2)
    dataset = open_dataset(tmp_path / "sop")
    parts = assemble_embedding(quick_settings())
    plan = Plan(Search("inner_product"))
    (outcome,), _ = evaluate_retrieval(dataset, ["test"], parts, tmp_path / "cache", plan)
    assert 0.9 < outcome.similarity <= 1.0


def test_augmented_queries_have_features_of_their_own(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    embedder = CountingEmbedder()
    for augment in (False, True):
        evaluate_retrieval(
            dataset,
            ["medium"],
            counting_parts(embedder),
            tmp_path / "cache",
            Plan(augment=augment),
        )
    assert embedder.embedded == 7 + 2 + 6 * 2  # six views of each query, the gallery as it was


def test_the_checksum_follows_the_content_of_the_pictures(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=2, views=2)
    dataset = open_dataset(tmp_path / "sop")
    (before,), (same,) = (evaluated(dataset, tmp_path, "test") for _ in range(2))
    save(tmp_path / "sop" / "bottle_final" / "0_0.PNG", package("jar", 3))
    (after,) = evaluated(dataset, tmp_path, "test")
    assert before.checksum == same.checksum != after.checksum


@pytest.mark.parametrize(
    ("name", "protocols"),
    [
        ("hard", ("hard",)),
        ("revisited", ("easy", "medium", "hard")),
        ("revisited/hard", ("hard",)),
        ("all", ("easy", "medium", "hard")),
    ],
)
def test_a_benchmark_is_named_by_protocol_by_kind_or_both(
    name: str, protocols: tuple[str, ...], tmp_path: Path
) -> None:
    write_drawn_landmarks(tmp_path)
    dataset, found = open_benchmark(name, tmp_path)
    assert (dataset.name, found) == ("rdrawn", protocols)


def test_an_unknown_protocol_is_told_the_known_ones(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path)
    with pytest.raises(ConfigError, match=r"'hart'. Did you mean 'hard'\?.*easy.*online_products"):
        open_benchmark("hart", tmp_path)
    with pytest.raises(ConfigError, match="unknown protocol 'revisited/no'"):
        open_benchmark("revisited/no", tmp_path)


def test_of_all_protocols_those_that_nothing_answers_are_passed_over(tmp_path: Path) -> None:
    for category in ("jar", "bottle"):
        for view in range(2):
            save(tmp_path / category / f"{view}.png", package(category, 1, view))
    assert open_benchmark("all", tmp_path)[1] == ("category",)
    (tmp_path / "jar" / "1.png").unlink()
    (tmp_path / "bottle" / "1.png").unlink()
    with pytest.raises(ConfigError, match="no query has another image"):
        open_benchmark("all", tmp_path)


def test_data_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_catalogue(tmp_path)
    with pytest.raises(ConfigError):
        open_benchmark("revisited", tmp_path)


def test_figures_do_not_depend_on_the_order_of_protocols(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    one = evaluated(dataset, tmp_path, "easy", "hard")
    other = evaluated(dataset, tmp_path, "hard", "easy")
    for a, b in zip(one, reversed(other), strict=True):
        np.testing.assert_array_equal(a.summary.values, b.summary.values)

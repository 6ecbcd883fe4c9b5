"""Whole benchmarks of drawn data sets: what is measured, left out, counted and shown."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.config import load
from engine.errors import ConfigError
from offline.datasets import Dataset, DatasetImage, open_dataset
from offline.evaluate.benchmark.measure import (
    ProtocolResult,
    measure_protocols,
    open_benchmark,
    time_stages,
)
from offline.evaluate.benchmark.show import Request, evaluate_benchmark
from offline.metrics.statistics import bootstrap
from offline.report.document import Table
from offline.report.files import write_report
from stages.assemble import assemble_embedding
from tests.drawn_catalogue import package, save, write_catalogue
from tests.offline.datasets.small_datasets import write_silhouettes
from tests.offline.evaluate.counting_parts import (
    CountingEmbedder,
    counting_parts,
    quick_settings,
)
from tests.offline.evaluate.drawn_benchmarks import write_drawn_landmarks, write_drawn_products


def measured(
    dataset: Dataset, tmp_path: Path, *protocols: str, limit: int | None = None, flags: str = ""
) -> list[ProtocolResult]:
    parts = counting_parts(CountingEmbedder())
    settings = load(parts.settings, env={}, flags=flags.split())
    parts = replace(parts, settings=settings)
    return measure_protocols(dataset, protocols, parts, tmp_path / "cache", limit=limit)


def mean(result: ProtocolResult, metric: str) -> float:
    return float(result.values[:, result.metrics.index(metric)].mean())


def test_online_products_asks_every_test_image_of_all_others(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    (result,) = measured(open_dataset(tmp_path / "sop"), tmp_path, "test")
    assert len(result.found) == 12 and result.requested == 12
    # Colours tell the products apart and a shift changes none: its own views come first.
    assert mean(result, "R@1") == 1.0
    assert mean(result, "P@5") == pytest.approx(2 / 5)
    assert mean(result, "recall@5") == 1.0
    own = [hit == at for at, hit in enumerate(result.hits)]
    assert not any(own)


def test_intervals_resample_all_photos_of_a_product_together(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=6)
    request = Request(
        "test", tmp_path / "sop", quick_settings(), tmp_path / "cache", "quick", seed=3
    )
    report, _ = evaluate_benchmark(replace(request, timed=0))
    ((group,),) = (section.groups for section in report.systems[0].sections)
    assert len(set(group.clusters)) == 6 and len(group.clusters) == 18
    for value in group.figures:
        samples = [float(sample or 0) for sample in value.samples or ()]
        together = bootstrap(samples, seed=3, clusters=group.clusters)
        assert (value.low, value.high) == pytest.approx((together.low, together.high)), value.name


def test_revisited_protocols_ignore_junk_and_leave_out_queries_without_answers(
    tmp_path: Path,
) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    easy, medium, hard = measured(dataset, tmp_path, *dataset.protocols)
    assert [len(one.found) for one in (easy, medium, hard)] == [1, 2, 2]
    assert (easy.unanswerable, easy.requested) == (1, 2)
    # The four jars look alike: with the other jars ignored, easy and hard are both perfect.
    assert mean(easy, "mAP-trapezoid") == pytest.approx(1.0)
    assert easy.found[0].ranks.tolist() == [1, 2]
    assert hard.found[0].ranks.tolist() == [1]
    assert medium.found[0].ranks.tolist() == [1, 2, 3]


def test_images_are_embedded_once_for_all_protocols(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    embedder = CountingEmbedder()
    dataset = open_dataset(tmp_path / "rox")
    measure_protocols(dataset, dataset.protocols, counting_parts(embedder), tmp_path / "cache")
    assert embedder.embedded == 7 + 2


def test_a_limit_asks_fewer_queries_of_the_whole_gallery(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    (result,) = measured(open_dataset(tmp_path / "sop"), tmp_path, "test", limit=4)
    assert (len(result.found), result.requested, len(result.task.task.gallery)) == (4, 12, 12)


def test_unreadable_images_are_said_left_out_as_queries_and_missed_in_the_gallery(
    tmp_path: Path,
) -> None:
    write_drawn_products(tmp_path / "sop")
    (tmp_path / "sop" / "bottle_final" / "0_0.PNG").write_bytes(b"broken")
    parts = counting_parts(CountingEmbedder())
    dataset = open_dataset(tmp_path / "sop")
    (result,) = measure_protocols(dataset, ["test"], parts, tmp_path / "cache")
    (fault,) = result.task.faults
    assert "0_0.PNG" in fault
    assert (len(result.found), result.unreadable, len(result.task.unread)) == (11, 1, 1)
    # The two other views of that product can find one of two.
    assert [found.total for found in result.found[:2]] == [2, 2]
    assert [len(found.ranks) for found in result.found[:3]] == [1, 1, 2]
    assert mean(result, "recall@5") == pytest.approx((2 * 0.5 + 9) / 11)


def test_data_without_its_images_is_refused(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    for path in (tmp_path / "sop" / "bottle_final").iterdir():
        path.unlink()
    dataset = open_dataset(tmp_path / "sop")
    with pytest.raises(ConfigError, match="Unpack"):
        measured(dataset, tmp_path, "test")


def test_categories_have_a_table_of_their_own_for_corel(tmp_path: Path) -> None:
    for number in (*range(4), *range(100, 104)):
        category = "jar" if number < 100 else "bottle"
        save(tmp_path / "corel" / f"{number}.png", package(category, number // 100, number % 4))
    settings = quick_settings()
    request = Request("corel", tmp_path / "corel", settings, tmp_path / "cache", "quick", timed=0)
    report, _ = evaluate_benchmark(request)
    _, table = report.systems[0].sections[0].blocks
    assert isinstance(table, Table)
    assert table.columns == ("category", "P@10", "P@20", "mAP", "R@1")
    assert {row[0]: row[1] for row in table.rows} == {"africa": "0.300", "beach": "0.300"}


def test_a_task_of_limited_depth_is_judged_within_it(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "shapes")
    (result,) = measured(open_dataset(tmp_path / "shapes"), tmp_path, "bullseye")
    assert result.metrics == ("recall@6", "R@1", "mAP")
    assert mean(result, "recall@6") == 1.0  # six images, all within the depth


def test_a_query_that_answers_itself_may_be_expanded_and_reranked(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "shapes")
    flags = "query.expand=2 rerank.name=k_reciprocal rerank.top_n=4"
    (result,) = measured(open_dataset(tmp_path / "shapes"), tmp_path, "bullseye", flags=flags)
    assert mean(result, "recall@6") == 1.0


def test_queries_that_the_gallery_holds_by_content_are_counted(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop")
    folder = tmp_path / "sop" / "bottle_final"
    (folder / "3_2.PNG").write_bytes((folder / "0_0.PNG").read_bytes())
    (result,) = measured(open_dataset(tmp_path / "sop"), tmp_path, "test")
    assert result.task.copies == 2  # each of the two is a copy of the other


def test_file_names_that_are_no_text_are_evaluated_and_reported_escaped(tmp_path: Path) -> None:
    for part, views in (("gallery", 2), ("query", 1)):
        for product in range(2):
            for view in range(views):
                name = os.fsdecode(b"view\xff%d.png" % view)
                path = tmp_path / "frames" / part / f"p{product}" / name
                save(path, package("jar", product, view))
    request = Request("product", tmp_path / "frames", quick_settings(), tmp_path / "cache", "quick")
    report, _ = evaluate_benchmark(replace(request, per_query=True, timed=0))
    paths = write_report(report, tmp_path / "report")
    assert all(path.stat().st_size for path in paths)
    assert report.systems[0].sections[0].groups[0].items[0] == os.fsdecode(
        b"query/p0/view\xff0.png"
    )


def test_the_similarity_of_first_hits_is_their_cosine(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=2, views=2)
    dataset = open_dataset(tmp_path / "sop")
    parts = assemble_embedding(quick_settings("search.metric=inner_product"))
    (result,) = measure_protocols(dataset, ["test"], parts, tmp_path / "cache")
    assert 0.9 < result.similarities.mean() <= 1.0


def test_augmented_queries_have_vectors_of_their_own(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    embedder = CountingEmbedder()
    for augment in ("false", "true"):
        parts = counting_parts(embedder)
        flags = [f"query.augment={augment}"]
        parts = replace(parts, settings=load(parts.settings, env={}, flags=flags))
        measure_protocols(dataset, ["medium"], parts, tmp_path / "cache")
    assert embedder.embedded == 7 + 2 + 6 * 2  # six views of each query, the gallery as it was


def test_the_checksum_follows_the_content_of_the_images(tmp_path: Path) -> None:
    write_drawn_products(tmp_path / "sop", products=2, views=2)
    dataset = open_dataset(tmp_path / "sop")
    (before,), (same,) = (measured(dataset, tmp_path, "test") for _ in range(2))
    save(tmp_path / "sop" / "bottle_final" / "0_0.PNG", package("jar", 3))
    (after,) = measured(dataset, tmp_path, "test")
    assert before.task.checksum == same.task.checksum != after.task.checksum


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
    with pytest.raises(ConfigError):
        open_benchmark("all", tmp_path)


def test_data_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_catalogue(tmp_path)
    with pytest.raises(ConfigError):
        open_benchmark("revisited", tmp_path)


def test_figures_do_not_depend_on_the_order_of_protocols(tmp_path: Path) -> None:
    write_drawn_landmarks(tmp_path / "rox")
    dataset = open_dataset(tmp_path / "rox")
    one = measured(dataset, tmp_path, "easy", "hard")
    other = measured(dataset, tmp_path, "hard", "easy")
    for a, b in zip(one, reversed(other), strict=True):
        np.testing.assert_array_equal(a.values, b.values)


@pytest.fixture
def images(tmp_path: Path) -> list[DatasetImage]:
    return [DatasetImage(path.name, path) for path in write_catalogue(tmp_path)]


def test_every_stage_has_its_time_and_the_first_photo_is_described_once_more(
    images: list[DatasetImage],
) -> None:
    embedder = CountingEmbedder()
    found = time_stages(images, counting_parts(embedder), 4)
    assert list(found) == ["load", "segment", "cutout", "embed"]
    assert all(milliseconds > 0 for milliseconds in found.values())
    assert embedder.embedded == 5


def test_no_photo_or_no_readable_one_has_no_times(
    images: list[DatasetImage], tmp_path: Path
) -> None:
    parts = counting_parts(CountingEmbedder())
    assert time_stages([], parts, 4) == time_stages(images, parts, 0) == {}
    assert time_stages([DatasetImage("gone", tmp_path / "gone.jpg")], parts, 4) == {}


def test_a_broken_photo_among_others_is_passed_over(images: list[DatasetImage]) -> None:
    images[0].path.write_bytes(b"")
    assert time_stages(images, counting_parts(CountingEmbedder()), 4)["embed"] > 0

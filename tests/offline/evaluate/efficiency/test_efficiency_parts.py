"""What is measured of speed and size, on a clock that the tests wind themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.config import Settings
from engine.errors import ConfigError, GalleryError
from offline.datasets import DatasetImage
from offline.evaluate.efficiency import memory
from offline.evaluate.efficiency.measure import (
    TOGETHER,
    GallerySize,
    Rate,
    Timed,
    fill,
    gallery_size,
    model_sizes,
    open_scratch,
    rate,
    scratch_folder,
    time_photos,
)
from offline.evaluate.efficiency.memory import Peaks, peak_bytes, rising
from offline.evaluate.efficiency.show import (
    gallery_figures,
    memory_figures,
    model_figures,
    overview,
    rate_figure,
    time_blocks,
    time_groups,
)
from stages.open_searcher import OpenSearcher
from stages.rerank._artefact import graph_path, reranker_path
from tests.offline.evaluate.efficiency.small_system import Small


@pytest.fixture
def opened(small: Small, tmp_path: Path) -> Iterator[OpenSearcher]:
    fill(tmp_path / "gallery", small.task.parts, small.task.gallery)
    with open_scratch(tmp_path / "gallery", small.task.settings) as found:
        yield found


def test_a_gallery_without_room_is_an_error_with_a_way_out() -> None:
    with pytest.raises(ConfigError, match=r"\(g: the disk is full\)\. .*TMPDIR"), scratch_folder():
        raise GalleryError("g: the disk is full.", remedy="Free space.")


class Clock:
    """One second later at every look."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return float(self.looks)


def test_every_stage_of_a_query_is_timed_photo_by_photo(small: Small, opened: OpenSearcher) -> None:
    timed = time_photos(small.images, opened, Clock())
    assert timed.items == tuple(image.id for image in small.images)
    assert timed.together == (1000.0,) * len(small.images)
    stages = list(timed.milliseconds)
    assert stages[:3] == [TOGETHER, "load", "segment"]
    assert {"cutout", "embed", "classify", "outline", "route", "retrieve", "rerank"} <= set(stages)
    assert all(len(values) == len(timed.items) for values in timed.milliseconds.values())


def test_photos_that_cannot_be_read_are_passed_over_also_the_one_to_warm_up(
    small: Small, opened: OpenSearcher, tmp_path: Path
) -> None:
    (tmp_path / "empty.png").write_bytes(b"")
    broken = [
        DatasetImage("gone", tmp_path / "gone.png"),
        DatasetImage("empty", tmp_path / "empty.png"),
    ]
    timed = time_photos([*broken, *small.images[:2]], opened)
    assert timed.items == tuple(image.id for image in small.images[:2])
    assert time_photos(broken, opened) == Timed((), {TOGETHER: ()})
    assert rate(broken, opened, tmp_path / "none", 2).per_second is None


def test_throughput_counts_what_was_described_and_stored(
    small: Small, opened: OpenSearcher, tmp_path: Path
) -> None:
    absent = DatasetImage("gone", tmp_path / "gone.png", category="jar")
    images = [*small.images[:4], absent]
    found = rate(images, opened, tmp_path / "filled", 2, Clock())
    assert (found.images, found.seconds, found.per_second) == (4, 1.0, 4.0)
    with open_scratch(tmp_path / "filled", small.task.settings) as filled:
        assert len(filled.gallery) == 4


def test_figures_of_times_are_those_of_the_numbers(small: Small) -> None:
    load = (1.0, 2.0, 3.0, 10.0)
    timed = Timed(("a", "b", "c", "d"), {TOGETHER: (2.0, 4.0, 6.0, 20.0), "load": load})
    groups = {group.name: group for group in time_groups(timed, seed=0)}
    assert list(groups) == [TOGETHER, "load"]
    median, late, mean = groups["load"].figures
    assert median.value == 2.5 and median.low == 1.0 and median.samples is None
    assert late.value == pytest.approx(np.percentile(load, 95))
    assert mean.value == 4.0 and mean.samples == load
    assert {(one.unit, one.better) for one in (median, late, mean)} == {("ms", "lower")}
    assert groups["load"].items == ("a", "b", "c", "d")
    (bars,) = time_blocks(timed)
    assert bars.kind == "bars" and bars.labels == ("load",)
    assert [series.ys for series in bars.series] == [(2.5,), (pytest.approx(8.95),)]


def test_the_overview_has_one_number_of_each_kind() -> None:
    timed = Timed(("a",), {TOGETHER: (40.0,), "load": (1.0,)})
    group = overview(timed, Rate(8, 2.0), Peaks(1, 2, 3, 4), 16, GallerySize(2, 60, 40), 0)
    values = {figure.name: (figure.value, figure.unit) for figure in group.figures}
    assert values == {
        "photo to answer, median": (40.0, "ms"),
        "throughput": (4.0, "images/s"),
        "memory, batch of 16": (4.0, "bytes"),
        "gallery, an image": (50.0, "bytes"),
    }


def test_without_a_photo_there_are_reasons_in_place_of_times() -> None:
    nothing = Timed((), {TOGETHER: ()})
    figures = [figure for group in time_groups(nothing, seed=0) for figure in group.figures]
    assert len(figures) == 3 and all(one.value is None and one.why for one in figures)
    assert time_blocks(nothing) == ()
    assert rate_figure(Rate(0, 1.0)).why


def test_bytes_an_image_are_those_of_the_files(small: Small, tmp_path: Path) -> None:
    records = small.task.gallery
    fill(tmp_path / "gallery", small.task.parts, records)
    found = gallery_size(tmp_path / "gallery", len(records))
    files = [path for path in (tmp_path / "gallery").rglob("*") if path.is_file()]
    assert found.database + found.indexes == sum(path.stat().st_size for path in files)
    vectors = 4 * small.task.parts.describer.embedder.dimension * len(records)
    assert found.indexes > vectors
    whole, database, indexes, images = gallery_figures(found)
    assert database.value is not None and indexes.value is not None
    assert whole.value == pytest.approx(database.value + indexes.value)
    assert (whole.unit, whole.better, images.value) == ("bytes", "lower", len(records))


def test_an_empty_gallery_has_no_bytes_an_image() -> None:
    assert gallery_figures(GallerySize(0, 4096, 0))[0].why == "the gallery is empty"


def test_models_are_named_by_their_files_where_that_is_unique(tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("a.onnx", "one/b.onnx", "two/b.onnx")]
    for size, path in enumerate(paths, start=1):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x" * size)
    asked = [*map(str, paths), "no such weights", f"{paths[0]} labels"]
    found = model_sizes(Settings(), asked)
    assert found == {"a.onnx": 1, str(paths[1]): 2, str(paths[2]): 3}
    figures = model_figures(found)
    assert figures[0].name == "all models" and figures[0].value == 6
    assert model_figures({})[0].value == 0


def test_a_reranker_has_the_bytes_of_its_trees_too() -> None:
    path = reranker_path("rerank_classic")
    both = path.stat().st_size + graph_path(path).stat().st_size
    assert model_sizes(Settings(), ["rerank_classic"]) == {"rerank_classic": both}


def test_memory_only_rises_and_what_is_unknown_has_a_reason() -> None:
    assert rising([5, None, 4, 9]) == [5, None, 5, 9]
    figures = memory_figures(Peaks(1, 2, None, 4), 16)
    assert [figure.value for figure in figures] == [4, None, 2, 1]
    assert all(figure.value is not None or figure.why for figure in figures)
    assert all("ended" in figure.why for figure in memory_figures(None, 16))


def test_the_peak_of_this_process_is_read_from_proc_and_from_its_usage(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    first = peak_bytes()
    assert first is not None and first > 10 * 2**20
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    by_usage = peak_bytes()
    assert by_usage is not None and by_usage > 10 * 2**20
    monkeypatch.setitem(sys.modules, "resource", None)
    assert peak_bytes() is None

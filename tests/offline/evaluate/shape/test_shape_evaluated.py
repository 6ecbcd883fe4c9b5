"""Shape descriptors scored on made silhouettes: the command, its figures, and the target."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from offline.datasets import DatasetImage, Relevance, RetrievalTask, open_dataset
from offline.datasets.made_silhouettes.write import write_silhouettes
from offline.evaluate.shape.measure import METHODS, OURS, measure_shapes
from offline.evaluate.shape.show import json_text, markdown_text
from tests.offline.datasets.packbench.written_packbench import write_benchmark
from tests.packsight_command import Command


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "shapes"
    write_silhouettes(folder, 11, classes=6, members=4)
    return folder


def test_every_descriptor_has_a_score_a_query_and_an_interval_about_its_mean(root: Path) -> None:
    result = measure_shapes(open_dataset(root).retrieval("bullseye"), seed=0)
    assert [one.method for one in result.measured] == [method.name for method in METHODS]
    for one in result.measured:
        assert len(one.scores) == len(result.classes) == 24
        assert one.bullseye.mean == pytest.approx(np.mean(one.scores))
        assert one.bullseye.low <= one.bullseye.mean <= one.bullseye.high
        assert one.describing >= 0 < one.comparing
        assert min(one.scores) >= 0.25  # every shape finds itself


def test_the_command_prints_the_table_and_writes_the_figures(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "figures.json"
    done = Command(capsys)("evaluate", "shape", "--data", root, "--json", out, "--quiet")
    assert done.code == 0, done.err
    assert "24 silhouettes of 6 classes, 8 answers judged" in done.out
    found = json.loads(out.read_text("utf-8"))
    assert [one["name"] for one in found["descriptors"]] == [method.name for method in METHODS]
    ours = found["descriptors"][-1]
    assert f"{ours['bullseye']:.3f}" in done.out
    assert np.mean(list(ours["classes"].values())) == pytest.approx(ours["bullseye"])


def test_the_text_names_the_hardest_classes_of_the_last_descriptor(root: Path) -> None:
    task = open_dataset(root).retrieval("bullseye")
    result = measure_shapes(task, seed=0, methods=METHODS[1:2])
    classes = json.loads(json_text(result, "set", 0))["descriptors"][0]["classes"]
    hardest = min(classes, key=lambda name: (classes[name], name))
    assert f"Hardest for IoU aligned: {hardest} " in markdown_text(result, "set")


def test_a_folder_without_silhouettes_is_an_error_with_a_way_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = Command(capsys)("evaluate", "shape", "--data", tmp_path, "--quiet")
    assert done.code == 1
    assert str(tmp_path) in done.line


def test_a_silhouette_that_cannot_be_read_stops_the_score(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_silhouettes(tmp_path / "set", 11, classes=2, members=2)
    next((tmp_path / "set").iterdir()).write_bytes(b"no picture")
    done = Command(capsys)("evaluate", "shape", "--data", tmp_path / "set", "--quiet")
    assert done.code == 1
    assert str(tmp_path) in done.line


@pytest.mark.slow
def test_made_silhouettes_are_as_hard_as_mpeg_7_and_ours_finds_85_percent(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "set", 2)
    task = open_dataset(tmp_path / "set").retrieval("bullseye")
    result = measure_shapes(task, seed=0)
    found = {one.method: one.bullseye.mean for one in result.measured}
    assert found["IoU in the frame"] == pytest.approx(0.60, abs=0.03)
    assert 0.63 <= found["IoU aligned"] <= 0.68
    assert found["Fourier descriptor"] == pytest.approx(0.70, abs=0.03)
    assert found[OURS] >= 0.85


def test_any_data_set_with_masks_can_be_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_benchmark(tmp_path / "packs", side=48)
    flags = ("--protocol", "queries", "--json", tmp_path / "out.json", "--quiet")
    done = Command(capsys)("evaluate", "shape", "--data", tmp_path / "packs", *flags)
    assert done.code == 0, done.err
    assert "twice the relevant answers judged" in done.out
    assert json.loads((tmp_path / "out.json").read_text("utf-8"))["depth"] is None


def test_images_without_masks_are_an_error_with_a_way_out(tmp_path: Path) -> None:
    bare = (DatasetImage("a", tmp_path / "a.png", category="a"),)
    task = RetrievalTask("bare", bare, bare, (Relevance((0,)),))
    with pytest.raises(ConfigError, match="Choose a data set"):
        measure_shapes(task, seed=0)


def test_queries_that_nothing_answers_are_left_out(root: Path) -> None:
    task = open_dataset(root).retrieval("bullseye")
    some = replace(task, relevance=(*task.relevance[:-1], Relevance(())))
    result = measure_shapes(some, seed=0, methods=METHODS[1:2])
    assert len(result.classes) == len(result.measured[0].scores) == 23
    with pytest.raises(ConfigError, match="no query has"):
        measure_shapes(replace(task, relevance=(Relevance(()),) * 24), seed=0)

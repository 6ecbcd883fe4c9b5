"""The tables of descriptors, on the shipped Packbench and a backbone of one convolution."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from offline.datasets.packbench import shipped
from tests.benchmarks.running import run_benchmark, table
from tests.contracts.test_embedders import write_backbone

CHEAP = ("--set", "segment.name=whole", "--set", "cutout.size=16")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds backbone.onnx, and the cutouts and features of all tests."""
    folder = tmp_path_factory.mktemp("embeddings")
    write_backbone(folder)
    return folder


@pytest.mark.slow
def test_every_descriptor_has_a_row_plain_and_whitened(work: Path) -> None:
    done = run_benchmark(
        "embeddings.py",
        "--data",
        shipped(),
        "--cache",
        work / "cache",
        "--backbone",
        f"tiny={work / 'backbone.onnx'}",
        "--backbone",
        f"again={work / 'backbone.onnx'}",
        "--protocol",
        "unseen",
        "--json",
        work / "rows.json",
        "--quiet",
        *CHEAP,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads((work / "rows.json").read_text())
    seen = {(row["descriptor"], row["whitening"]) for row in rows}
    assert ("tiny GAP, crop", "none") in seen and ("tiny GAP, both", "Lw all") in seen
    assert not any(way.endswith("256") for _, way in seen)  # the backbone gives 5 numbers
    for row in rows:
        mean, low, high = row["figures"]["mAP"]
        assert low <= mean <= high and 0 < mean < 1
        queries = [figures[3] for figures in row["per_query"]]
        assert mean == pytest.approx(sum(queries) / len(queries))
    figures = {row["descriptor"]: row["figures"] for row in rows if row["whitening"] == "none"}
    assert figures["tiny GAP, crop"] == figures["again GAP, crop"]
    shown = table(done.stdout, "descriptor")
    assert "tiny GAP, both, mean" in shown


def test_descriptors_that_nobody_knows_are_refused(work: Path) -> None:
    done = run_benchmark(
        "embeddings.py",
        "--data",
        shipped(),
        "--cache",
        work / "cache",
        "--backbone",
        f"tiny={work / 'backbone.onnx'}",
        "--only",
        "VLAD",
    )
    assert done.returncode == 1 and "--only 'VLAD'" in done.stderr


def test_the_gain_of_a_network_over_itself_is_nothing(work: Path) -> None:
    """The "trained" network is the backbone itself: only whitening changes anything."""
    run = work / "run"
    run.mkdir()
    (run / "recipe.json").write_text('{"seed": 0, "size": 16}')
    for suffix in (".onnx", ".toml"):
        (run / f"embedder{suffix}").write_bytes((work / f"backbone{suffix}").read_bytes())
    done = run_benchmark(
        "embedder_gain.py",
        "--data",
        shipped(),
        "--cache",
        work / "cache",
        "--base",
        work / "backbone.onnx",
        "--run",
        run,
        "--dimension",
        "3",
        *CHEAP,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("- start to trained:") == 2
    held = table(done.stdout, "vectors")
    assert {"start", "start + Lw 3", "trained", "trained + Lw 3"} <= set(held)
    assert held["start + Lw 3"] != held["start"]


def test_a_folder_that_is_no_run_says_how_to_make_one(work: Path) -> None:
    done = run_benchmark(
        "embedder_gain.py",
        "--data",
        shipped(),
        "--cache",
        work / "cache",
        "--base",
        work / "backbone.onnx",
        "--run",
        work,
    )
    assert done.returncode == 1 and "packsight train embedder" in done.stderr


def test_shorter_vectors_take_less_room() -> None:
    done = run_benchmark(
        "whitened_search.py", "--images", "50", "--queries", "2", "--dimensions", "64", "16"
    )
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "D")
    assert rows["16"][3:5] == ["64", "0.25"] and rows["64"][3] == "256"

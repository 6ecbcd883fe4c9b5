"""The benchmark of mask trust and its sheet on the shipped Packbench, with GrabCut."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from offline.datasets.packbench import shipped
from tests.benchmarks.running import run_benchmark, table


@pytest.mark.slow
def test_every_rule_of_trust_is_measured_and_kept_descriptions_change_nothing(
    tmp_path: Path,
) -> None:
    # All photos, since a fit needs masks of both kinds in every fold, of a third of the catalogue.
    arguments = ("--data", shipped(), "--work", tmp_path / "work", "--every", "3")
    done = run_benchmark("mask_trust.py", *arguments)
    assert done.returncode == 0, done.stderr
    truth = table(done.stdout, "masks of")
    parts = ("queries, in folds", "unseen, photos", "unseen, studio")
    assert {f"grabcut, handcrafted, fused: {part}" for part in parts} <= set(truth)
    found = table(done.stdout, "photos, chain, masks used")
    asked = "queries, grabcut, handcrafted, fused, "
    rules = {name[len(asked) :]: cells for name, cells in found.items() if name.startswith(asked)}
    assert len(rules) == 8
    assert float(rules["every mask"][0]) == 1.0 and float(rules["no mask"][0]) == 0.0
    assert 0.0 < float(rules["calibrated, or whole"][0]) < 1.0
    assert run_benchmark("mask_trust.py", *arguments).stdout == done.stdout


def test_the_least_and_the_most_believed_are_drawn(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.png"
    flags = (
        "--set",
        "segment.side=64",
        "--set",
        "segment.cut_side=64",
        "--set",
        "trust.any_segmenter=true",
    )
    weights = Path(__file__).parents[2] / "stages" / "trust" / "fitted" / "grabcut.toml"
    done = run_benchmark(
        "mask_trust_sheet.py",
        shipped() / "queries",
        "--out",
        sheet,
        "--limit",
        "6",
        *flags,
        "--set",
        f"trust.weights={weights}",
        "--mattes",
        tmp_path / "mattes",
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("6 photos, believed")
    assert len(list((tmp_path / "mattes").rglob("*.png"))) == 6
    assert Image.open(sheet).size == (8 * 128, 128)


def test_a_folder_without_images_is_one_line(tmp_path: Path) -> None:
    done = run_benchmark("mask_trust_sheet.py", tmp_path, "--out", tmp_path / "sheet.png")
    assert done.returncode == 1
    assert str(tmp_path) in done.stderr and "Traceback" not in done.stderr

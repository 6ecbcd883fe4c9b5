"""The benchmark of decoding on small photos."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from tests.benchmarks.running import run_benchmark, table

WAYS = [
    "as shipped",
    "resized",
    "whole",
    "quarter, decoded",
    "half, decoded",
    "whole, decoded",
    "resize",
    "resize, lanczos",
    "opencv",
    "as shipped, clock",
]


def test_every_way_is_measured_of_every_drawn_photo() -> None:
    done = run_benchmark("decoding.py", "--size", "400", "300", "--rounds", "2")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "way (ms)")
    assert list(rows) == WAYS
    assert all(len(cells) == len(rows["whole"]) for cells in rows.values())


def test_a_photo_of_ones_own_may_be_measured(tmp_path: Path) -> None:
    Image.new("RGB", (1500, 900), "red").save(tmp_path / "own.jpg")
    done = run_benchmark("decoding.py", "--photo", tmp_path / "own.jpg", "--rounds", "1")
    assert done.returncode == 0, done.stderr
    assert "own.jpg" in done.stdout

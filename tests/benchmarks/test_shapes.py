"""The shape benchmark on a few small sets."""

from __future__ import annotations

from pathlib import Path

from offline.datasets.made_silhouettes.write import write_silhouettes
from tests.benchmarks.running import run_benchmark, table


def test_shapes_measures_every_descriptor_on_every_set() -> None:
    done = run_benchmark("shapes.py", "--seed", "1", "2", "--classes", "3", "--members", "3")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "descriptor")
    ours = [name for name in rows if "string cuts" in name]
    assert {"IoU aligned", "Fourier descriptor", "outline alone", *ours} <= set(rows)
    for cells in rows.values():
        first, second, mean = map(float, cells[:3])
        assert abs((first + second) / 2 - mean) < 0.002
    assert rows["Fourier descriptor"][4] == "1.0"


def test_shapes_reads_silhouettes_that_are_there(tmp_path: Path) -> None:
    write_silhouettes(tmp_path / "mine", 3, classes=3, members=2)
    done = run_benchmark("shapes.py", "--data", tmp_path / "mine")
    assert done.returncode == 0, done.stderr
    assert "| mine |" in done.stdout.replace("  ", " ")


def test_shapes_says_what_is_wrong_with_a_folder(tmp_path: Path) -> None:
    done = run_benchmark("shapes.py", "--data", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("shapes: ")

"""The benchmark of contours on few candidates."""

from __future__ import annotations

from tests.benchmarks.running import run_benchmark, table


def test_every_way_is_measured_at_every_size() -> None:
    done = run_benchmark("contours.py", "--candidates", "3", "20", "--rounds", "2")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "way")
    assert list(rows) == ["packed rows", "contours", "AND + popcount", "boolean", "read"]
    assert all(float(cell) > 0 for cells in rows.values() for cell in cells)

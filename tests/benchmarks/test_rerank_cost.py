"""The benchmark of rerankers on few candidates and rounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.benchmarks.running import run_benchmark, table

SMALL = ("--candidates", "3", "5", "--rounds", "2", "--trees", "4")


def test_every_rerank_is_measured_warm_and_cold_against_one_yardstick() -> None:
    done = run_benchmark("rerank_cost.py", *SMALL)
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "rerank")
    assert list(rows) == [
        "none",
        "contour_iou, aligned",
        "fused, aligned",
        "k_reciprocal",
        "learned, logistic",
        "learned, boosting",
    ]
    yardstick = [float(cell) for cell in rows["contour_iou, aligned"]]
    assert yardstick[1::2] == [1.0] * 4
    for name in ("learned, logistic", "learned, boosting"):
        warm, _, cold, ratio = map(float, rows[name][:4])
        assert 0 < warm < cold  # silhouettes that were measured before are not measured again
        # Times are rounded to 0.01 ms, the ratio is not.
        assert ratio == pytest.approx(cold / yardstick[2], rel=0.2)


def test_a_file_that_is_no_rerank_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "rerank.json").write_text("[]")
    done = run_benchmark("rerank_cost.py", *SMALL, "--reranker", tmp_path / "rerank.json")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("rerank_cost: ") and "rerank.json" in done.stderr

"""`benchmarks/runtimes.py` on one network."""

from __future__ import annotations

import pytest

from tests.benchmarks.running import run_script, table
from weights.cache import shipped_path
from weights.catalog import load_catalog


@pytest.mark.slow
def test_a_network_is_timed_and_opened_by_every_runtime() -> None:
    network = shipped_path(load_catalog()["segmenter_compact"])
    done = run_script("runtimes.py", network, "--rounds", "1", "--starts", "1")
    assert done.returncode == 0, done.stderr
    assert "segmenter_compact" in table(done.stdout, "network")
    opened = table(done.stdout, "a new process")
    assert {"onnxruntime", "onnxruntime, optimised"} <= set(opened)
    assert all(float(cell) > 0 for cells in opened.values() for cell in cells)

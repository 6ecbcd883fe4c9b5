"""The benchmark of the paper's system, with networks in small."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.benchmarks.running import run_script, table
from tests.drawn_catalogue import write_catalogue
from tests.offline.prepare.small_system import write_networks


# Not imported here: a process that has TensorFlow cannot load all of torch any more.
@pytest.mark.slow
@pytest.mark.skipif(find_spec("keras") is None, reason="needs the extra `train`")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_every_stage_has_its_time_and_memory(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "data", products=3)
    files = write_networks(tmp_path / "local")
    local = [part for name, path in files.items() for part in (f"--{name}", path)]
    small = ("--backbone", "MobileNetV2", "--input-size", "32", "--epochs", "1")
    folders = ("--data", tmp_path / "data", "--work", tmp_path / "work")
    done = run_script("paper_system.py", *folders, *local, *small)
    assert done.returncode == 0, done.stderr
    stages = table(done.stdout, "stage")
    learned = {f"classifier: {part}" for part in ("cut", "train", "export, calibrate")}
    assert {"fetch", *files, *learned, "settings", "ingest", "query"} <= set(stages)
    assert all(float(cells[0]) >= 0 and float(cells[2]) > 0 for cells in stages.values())

"""The load of a service, on the drawn catalogue."""

from __future__ import annotations

from pathlib import Path

import pytest

from offline import ingest
from tests.benchmarks.running import run_script, table
from tests.drawn_catalogue import QUICK, package, save, write_catalogue


@pytest.mark.slow
def test_every_query_is_answered_correctly(tmp_path: Path) -> None:
    write_catalogue(tmp_path / "catalogue")
    ingest(tmp_path / "catalogue", tmp_path / "gallery", overrides=QUICK, workers=1)
    for product in range(2):
        save(tmp_path / "photos" / f"{product}.png", package("jar", product, 3))
    where = ("--gallery", tmp_path / "gallery", "--photos", tmp_path / "photos")
    done = run_script("service_load.py", *where, "--queries", "250")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout, "clients")
    assert list(rows) == ["1", "8", "64"]
    for cells in rows.values():
        assert cells[1] == "50" and cells[6:8] == ["0", "0"]  # none incorrect, none failed

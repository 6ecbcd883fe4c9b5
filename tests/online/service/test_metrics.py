"""Metrics of one application are its own, and those of several workers are summed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from online.service.metrics import Metrics, share_among_workers

COUNTING = """
import os, sys
from online.service.metrics import Metrics
metrics = Metrics()
metrics.answered(method="GET", route="/v1/health", status=200, seconds=0.01)
metrics.described_at_once(3)
metrics.count_jobs("queued", 2)
sys.stdout.write(metrics.text().decode())
"""


def test_what_was_counted_is_shown() -> None:
    metrics, other = Metrics(), Metrics()
    metrics.answered(method="POST", route="/v1/query", status=200, seconds=0.2)
    metrics.shed.inc()
    metrics.queue.set(4)
    metrics.galleries.set(2)
    metrics.described_at_once(8)
    metrics.count_jobs("running", 1)
    text = metrics.text().decode()
    for line in (
        'packsight_requests_total{method="POST",route="/v1/query",status="200"} 1.0',
        'packsight_request_seconds_bucket{le="0.25",route="/v1/query"} 1.0',
        "packsight_queue_photos 4.0",
        "packsight_shed_total 1.0",
        "packsight_photos_described_total 8.0",
        'packsight_batch_photos_bucket{le="8.0"} 1.0',
        'packsight_jobs{state="running"} 1.0',
        "packsight_galleries_open 2.0",
        "packsight_info{",
    ):
        assert line in text
    assert "packsight_shed_total 0.0" in other.text().decode()


def test_any_worker_shows_the_sums_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "metrics"
    folder.mkdir()
    (folder / "counter_99999.db").write_bytes(b"left by an earlier run")
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", "")  # so that it is put back afterwards
    share_among_workers(folder)
    for _ in range(2):
        worker = [sys.executable, "-c", COUNTING]
        text = subprocess.run(worker, capture_output=True, text=True, check=True).stdout
    assert 'packsight_requests_total{method="GET",route="/v1/health",status="200"} 2.0' in text
    assert "packsight_photos_described_total 6.0" in text
    assert 'packsight_jobs{state="queued"} 2.0' in text

"""What the service measures of itself, in the text format of Prometheus.

No label holds what a user sent: routes are templates, methods those that HTTP knows.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from engine import __version__

__all__ = ["CONTENT_TYPE_LATEST", "Metrics", "share_among_workers"]

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_BATCH = (1, 2, 4, 8, 16, 32, 64)
_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # where prometheus-client keeps what several processes count

disable_created_metrics()  # type: ignore[no-untyped-call]  # a time for each, which doubles the text


def share_among_workers(folder: Path) -> None:
    """Count in files of ``folder``, which is emptied, so that any worker shows the sums of all.

    To be called before the workers start: each reads the variable when it imports this module.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[_FOLDER] = str(folder)


class Metrics:
    """Counters, gauges and histograms of one application, in a registry of their own."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        self._requests = Counter(
            "packsight_requests",
            "Requests that were answered",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            "packsight_request_seconds",
            "From the first byte of a request to the last of its answer",
            ("route",),
            buckets=_SECONDS,
            registry=registry,
        )
        self.queue = Gauge(
            "packsight_queue_photos",
            "Photos that wait to be described",
            multiprocess_mode="livesum",
            registry=registry,
        )
        self.shed = Counter(
            "packsight_shed", "Requests refused because the queue was full", registry=registry
        )
        self.described = Counter(
            "packsight_photos_described", "Photos that were described", registry=registry
        )
        self.batches = Histogram(
            "packsight_batch_photos",
            "Photos that were described at once",
            buckets=_BATCH,
            registry=registry,
        )
        self._jobs = Gauge(
            "packsight_jobs",
            "Jobs by their state",
            ("state",),
            multiprocess_mode="mostrecent",
            registry=registry,
        )
        self.galleries = Gauge(
            "packsight_galleries_open",
            "Galleries that are held open",
            multiprocess_mode="livesum",
            registry=registry,
        )
        if _FOLDER not in os.environ:  # neither can be summed over processes
            Info("packsight", "Version", registry=registry).info({"version": __version__})
            ProcessCollector(registry=registry)

    def answered(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """``route`` is a template, or a word for what has none."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def described_at_once(self, photos: int) -> None:
        self.described.inc(photos)
        self.batches.observe(photos)

    def count_jobs(self, state: str, count: int) -> None:
        self._jobs.labels(state).set(count)

    def text(self) -> bytes:
        """Of all workers where they share; its type is ``CONTENT_TYPE_LATEST``."""
        if _FOLDER not in os.environ:
            return generate_latest(self._registry)
        shared = CollectorRegistry()
        MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
        return generate_latest(shared)

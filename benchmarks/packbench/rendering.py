"""Warm processes that take shots with one variant of Mitsuba each, and how long they need."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from offline.datasets.packbench.shots import Benchmark, Shot


class Studio:
    """``processes`` of one thread each; use as a context manager.

    They live from the first shot to the last, so that start-up, half a minute in a benchmark of
    hours, is not counted into any image.
    """

    def __init__(self, variant: str, processes: int, benchmark: Benchmark, out: Path) -> None:
        # Spawned, not forked: the renderer's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        self.variant = variant
        self._given = benchmark, out
        self._pool = ProcessPoolExecutor(processes, context, _prepare, (variant,))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def take(self, shots: Sequence[Shot]) -> tuple[float, list[float]]:
        """Seconds on the clock for all ``shots`` together, and for each by itself."""
        start = time.perf_counter()
        at_work = [self._pool.submit(_timed, shot, *self._given) for shot in shots]
        each = [future.result() for future in at_work]
        return time.perf_counter() - start, each


def _prepare(variant: str) -> None:
    import drjit

    from offline.datasets.packbench.render import use_variant

    use_variant(variant)
    drjit.set_thread_count(1)


def _timed(shot: Shot, benchmark: Benchmark, out: Path) -> float:
    from offline.datasets.packbench.take import take

    start = time.perf_counter()
    take(shot, benchmark, out)
    return time.perf_counter() - start

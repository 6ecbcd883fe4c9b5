"""The rendering processes: one thread each, and they end with their parent."""

from __future__ import annotations

import gc
import multiprocessing
import os
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait as wait_for
from pathlib import Path

from engine.errors import PacksightError
from offline.datasets.packbench.manifest import Row
from offline.datasets.packbench.shots import Benchmark, Shot

FLUSHED = 25  # shots, on average, between two clearances of memory
AHEAD = 3  # shots handed out per process: enough to keep it busy, few to lose


@dataclass(frozen=True)
class Failure:
    """A shot that could not be taken."""

    reason: str  # begins with the shot's path


def cores() -> int:
    """The number that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rendered(
    benchmark: Benchmark, missing: Iterable[int], out: Path, count: int, variant: str
) -> Iterator[Row | Failure]:
    """Rows of the ``missing`` shots, by number in the plan, as they are finished, in no order.

    A shot that cannot be taken gives a Failure in its place, and the others go on. Raises
    PacksightError where a process was killed and OSError where it could not write.
    """
    # Spawned, not forked: the renderer's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(count, context, _prepare, (benchmark, out, variant))
    left = iter(missing)
    running: set[Future[Row | Failure]] = set()
    try:
        running |= {pool.submit(_take, index) for index in islice(left, AHEAD * count)}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
            running |= {pool.submit(_take, index) for index in islice(left, len(done))}
    except BrokenProcessPool:
        raise PacksightError(
            f"{out}: a rendering process was killed, mostly for lack of memory.",
            remedy="Run the same command again to go on, with fewer --workers.",
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


_STATE: tuple[Benchmark, list[Shot], Path] | None = None  # of a rendering process


def _prepare(benchmark: Benchmark, out: Path, variant: str) -> None:
    """Make a process ready to take shots, with one thread, for as long as its parent lives."""
    import drjit

    from offline.datasets.packbench.render import use_variant

    global _STATE
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_variant(variant)
    drjit.set_thread_count(1)
    _STATE = benchmark, list(benchmark.shots()), out


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        os._exit(1)  # no process is left to receive images


def _take(index: int) -> Row | Failure:
    from offline.datasets.packbench.take import take

    if _STATE is None:
        raise RuntimeError("the process was not prepared")
    benchmark, shots, out = _STATE
    try:
        return take(shots[index], benchmark, out)
    except OSError:
        raise  # the next shot finds no room on the disk either
    except PacksightError as error:
        return Failure(str(error))
    except Exception as error:  # of one scene in thousands: the others need not wait for its cure
        return Failure(f"{shots[index].path}: {type(error).__name__}: {error}")
    finally:
        if index % FLUSHED == 0:
            _forget_kernels()


def _forget_kernels() -> None:
    """Compiled kernels pile up, three a phone photo; those wanted again come from the disk.

    Measured over 48 small photos: 522 MB without, 301 MB with, and level.
    """
    import drjit

    gc.collect()
    drjit.flush_kernel_cache()
    drjit.flush_malloc_cache()

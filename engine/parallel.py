"""Work on several threads, image by image or what is independent of each other: OpenCV, NumPy and
the models' runtimes release the GIL.

FAISS and BLAS have threads of their own, which do not always make them faster.
"""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, lru_cache
from threading import BoundedSemaphore
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

T = TypeVar("T")
R = TypeVar("R")

_within = threading.local()  # ``pool``: whether this is a thread of ``each``


def each(work: Callable[[T], R], items: Sequence[T], *, threads: int) -> list[R]:
    """``work`` of every item, in order. The first error is raised, after the others are done.

    What ``work`` itself calls this for runs in its own thread: it would wait for the others.
    """
    if threads <= 1 or len(items) <= 1 or getattr(_within, "pool", False):
        return [work(item) for item in items]
    pool = _pool(threads, os.getpid())
    futures = [pool.submit(work, item) for item in items]
    wait(futures)
    return [future.result() for future in futures]


def ahead(
    work: Callable[[T], R], items: Iterable[T], *, at_once: int
) -> Generator[tuple[T, Future[R]], None, None]:
    """Each item with its ``work``, which has ended, in order. While the caller uses one, as many as
    ``at_once`` are worked on, and one more waits. An error of ``items`` is raised at once, when
    those that are worked on have ended."""
    waiting: deque[tuple[T, Future[R]]] = deque()
    pool = ThreadPoolExecutor(at_once, "ahead")
    try:
        for item in items:
            waiting.append((item, pool.submit(work, item)))
            if len(waiting) > at_once:
                yield _ended(*waiting.popleft())
        while waiting:
            yield _ended(*waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _ended(item: T, future: Future[R]) -> tuple[T, Future[R]]:
    wait([future])
    return item, future


def both(first: Callable[[], T], second: Callable[[], R], *, threads: int) -> tuple[T, R]:
    """What two works return that do not depend on each other: the first runs on this thread; the
    second on another at the same time, where one is free, else here after the first.

    An error is raised when neither runs any more; the first one's where both fail. Either may call
    this itself, and ``each``.
    """
    if threads <= 1:
        return first(), second()
    pool, free = _beside(threads - 1, os.getpid())
    # A thread that is free now will run it: nothing is waited for that waits for this.
    if not free.acquire(blocking=False):
        return first(), second()
    try:
        other = pool.submit(second)
        try:
            found = first()
        finally:
            wait((other,))
        return found, other.result()
    finally:
        free.release()


@cache
def _pool(threads: int, _process: int) -> ThreadPoolExecutor:
    """Kept: OpenCV leaves some kilobytes behind for every thread that ends. By process: after a
    fork the threads of the one before are not there, and would be waited for without end."""
    return ThreadPoolExecutor(threads, "each", _join_pool)


def _join_pool() -> None:
    _within.pool = True


@cache
def _beside(threads: int, _process: int) -> tuple[ThreadPoolExecutor, BoundedSemaphore]:
    """Threads and how many of them are free; kept as ``_pool`` is. No more than are needed: one
    that has looked for keypoints holds 10 to 15 MB."""
    return ThreadPoolExecutor(threads, "both"), BoundedSemaphore(threads)


@contextmanager
def one_faiss_thread() -> Iterator[None]:
    """FAISS on one thread: its sums are then the same on every machine.

    A single query gains nothing from a second one, and waking it up on a busy machine cost 16 ms
    a shard against 0.02 ms without it (a shard of 21 images, two cores, load above 10).
    """
    import faiss

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """BLAS on one thread, in the whole process: its threads wait for each other where the cores
    have other work.

    Beside six other processes on two cores a fit to 895 images took 7.5 s on one thread and 50 s on
    two, of processor time 3.0 and 19 s; keypoints were compared with 20 hits in 3 and in 125 ms.
    """
    with _blas(len(sys.modules)).limit(limits=1, user_api="blas"):
        yield


@lru_cache(1)
def _blas(_modules: int) -> ThreadpoolController:
    """To find the libraries takes 0.5 ms. They are looked for again where modules were imported
    since, which may have brought others."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")

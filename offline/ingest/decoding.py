"""Decode pictures in worker processes, in order, a bounded number ahead of the reader."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Self

from engine.errors import ImageError
from engine.images import ImageLimits
from offline.ingest.decoder import Decoded, receive, send

# The child gets this process's import path, so that it finds the same packages however this
# one was started. It is a program of its own, not a fork or a spawned copy: forking with model
# threads alive may deadlock, and spawning would run the caller's script again.
_PROGRAM = (
    "import sys, json; given = json.loads(sys.argv[1]); sys.path[:] = given['path'];"
    "from offline.ingest.decoder import serve; from engine.images import ImageLimits;"
    "serve(ImageLimits(**given['limits']))"
)


class DecodingPool:
    """``workers`` processes; use as a context manager."""

    def __init__(self, workers: int, limits: ImageLimits, *, ahead: int) -> None:
        """``ahead``: pictures decoded and waiting, at most; bounds the memory."""
        self._limits = limits
        self._ahead = max(ahead, workers)
        self._local = threading.local()
        self._workers: list[_Worker] = []
        self._guard = threading.Lock()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def map(self, paths: Iterable[Path]) -> Iterator[Decoded | ImageError]:
        """One answer a path, in order. A crashed decoder is an ImageError of its picture."""
        waiting: deque[Future[Decoded | ImageError]] = deque()
        for path in paths:
            waiting.append(self._threads.submit(self._decode, path))
            if len(waiting) >= self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._stop_workers()
        self._threads.shutdown(wait=True)
        self._stop_workers()  # one may have been started in between

    def _stop_workers(self) -> None:
        with self._guard:
            for worker in self._workers:
                worker.stop()

    def _decode(self, path: Path) -> Decoded | ImageError:
        worker = self._worker()
        answer = worker.ask(path)
        if answer is None:
            worker.stop()
            self._local.worker = None
            return ImageError(str(path), "crashed its decoder")
        return answer

    def _worker(self) -> _Worker:
        """This thread's own process, started at its first picture and after a crash."""
        worker: _Worker | None = getattr(self._local, "worker", None)
        if worker is None:
            worker = self._local.worker = _Worker(self._limits)
            with self._guard:
                self._workers.append(worker)
        return worker


class _Worker:
    """One decoding process and the two pipes to it."""

    def __init__(self, limits: ImageLimits) -> None:
        given = json.dumps({"path": sys.path, "limits": vars(limits)})
        self._process = subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, given],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, path: Path) -> Decoded | ImageError | None:
        """None when the process has died over it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            send(self._process.stdin, str(path))
            answer = receive(self._process.stdout)
        except (OSError, ValueError):  # ValueError: the pipe was closed by stop()
            return None
        return answer if isinstance(answer, Decoded | ImageError) else None

    def stop(self) -> None:
        """Kill, not close: what it is decoding is wanted by nobody any more."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

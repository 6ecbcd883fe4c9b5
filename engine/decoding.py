"""Decode images in worker processes, in order, a bounded number ahead of the reader.

A decoder that crashes takes one image with it and not the run, and none outlives a killed parent:
its process ends when its input ends. A message is an 8-byte little-endian length and a pickle;
both ends are this file, and nothing else ever writes to the pipes between them.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any, Self

from engine import __version__
from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.object_stores import StoreError, StorePath
from engine.types import RGBImage

# The child gets this process's import path, so that it finds the same packages however this
# one was started. It is a program of its own, not a fork or a spawned copy: forking with model
# threads alive may deadlock, and spawning would run the caller's script again.
_PROGRAM = (
    "import sys, json; given = json.loads(sys.argv[1]); sys.path[:] = given['path'];"
    "from engine.decoding import serve; from engine.images import ImageLimits;"
    "serve(ImageLimits(**given['limits']))"
)
_LENGTH = struct.Struct("<Q")


class PassingError(ImageError):
    """The image cannot be read now; it may be at another time: a disk, memory or a crash."""


@dataclass(frozen=True, eq=False)
class Decoded:
    """An image and the hash of the very bytes it was decoded from."""

    sha256: str
    image: RGBImage


class DecodingPool:
    """``workers`` processes; use as a context manager."""

    def __init__(self, workers: int, limits: ImageLimits, *, ahead: int) -> None:
        """``ahead``: images decoded and waiting, at most; bounds the memory."""
        self._limits = limits
        self._ahead = max(ahead, workers)
        self._local = threading.local()
        self._workers: list[_Worker] = []
        self._guard = threading.Lock()
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="decode")

    def map(self, paths: Iterable[Path]) -> Iterator[Decoded | ImageError]:
        """One result a path, in order. A crashed decoder is an ImageError of its image."""
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
        given: Path | tuple[str, bytes] = path
        if isinstance(path, StorePath):  # read here, by one connection for all decoders
            try:
                given = str(path), path.read_bytes(self._limits.max_bytes)
            except OSError as error:
                return _not_fetched(path, error, self._limits)
        result = worker.decode(given)
        if result is None:
            worker.stop()
            self._local.worker = None
            return PassingError(str(path), "crashed its decoder")
        return result

    def _worker(self) -> _Worker:
        """This thread's own process, started at its first image and after a crash."""
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
            # Ctrl-C goes to the whole group of a terminal; only the parent decides when to end,
            # also while a decoder is still starting.
            process_group=0,
        )

    def decode(self, given: Path | tuple[str, bytes]) -> Decoded | ImageError | None:
        """A file, or its address and its bytes; None when the process died of it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        try:
            _send(self._process.stdin, given if isinstance(given, tuple) else str(given))
            result = _receive(self._process.stdout)
        except (OSError, ValueError):  # ValueError: the pipe was closed by stop()
            return None
        return result if isinstance(result, Decoded | ImageError) else None

    def stop(self) -> None:
        """Kill, not close: the result of what it is decoding is no longer needed."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def serve(limits: ImageLimits) -> None:
    """The worker's loop, until its input ends: a path, or an address and bytes, in; a Decoded or an
    ImageError out."""
    warnings.filterwarnings("ignore", module=r"PIL\.")  # as in packsight.cli
    requests, results = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a codec prints must not fall among the results
    while (given := _receive(requests)) is not None:
        path, data = given if isinstance(given, tuple) else (given, None)
        result: Decoded | ImageError
        try:
            result = _decoded(Path(path), limits) if data is None else _hashed(data, path, limits)
        except ImageError as error:
            result = error
        except MemoryError:
            result = PassingError(path, "too large for the memory at hand")
        try:
            _send(results, result)
        except BrokenPipeError:  # the parent was killed
            os._exit(0)


def _decoded(path: Path, limits: ImageLimits) -> Decoded:
    """Read once, hash, decode; raises ImageError."""
    try:
        if path.stat().st_size > limits.max_bytes:
            return Decoded("", load(path, limits=limits))  # refuses before it reads
        data = path.read_bytes()
    except OSError as error:
        raise PassingError(str(path), f"cannot be read ({error.strerror})") from error
    return _hashed(data, str(path), limits)


def _hashed(data: bytes, uri: str, limits: ImageLimits) -> Decoded:
    try:
        image = load(data, uri=uri, limits=limits)
    except ImageError as error:
        if isinstance(error.__cause__, MemoryError):
            raise PassingError(uri, error.reason) from error
        raise
    return Decoded(hashlib.sha256(data).hexdigest(), image)


def _not_fetched(path: StorePath, error: OSError, limits: ImageLimits) -> ImageError:
    if error.errno == errno.EFBIG:
        try:
            load(path, limits=limits)  # refuses before it reads
        except ImageError as refused:
            return refused
    remedy = error.remedy if isinstance(error, StoreError) else ""
    return PassingError(str(path), f"cannot be read ({error.strerror})", remedy=remedy)


def decoders(limits: ImageLimits) -> str:
    """What decides whether a file can be decoded: the versions of the decoders, and the limits."""
    installed = {"packsight": __version__}
    for name in ("pillow", "pillow-heif"):
        with contextlib.suppress(PackageNotFoundError):
            installed[name] = version(name)
    return json.dumps({**installed, **vars(limits)})


def _send(pipe: IO[bytes], message: object) -> None:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    pipe.write(_LENGTH.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> Any:
    """The next message; None when the other end has closed."""
    head = pipe.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    data = pipe.read(length)
    return pickle.loads(data) if len(data) == length else None

"""The file of a gallery that keeps the statistics of its queries, beside its database.

Not in the database: searches only read that, and never wait for its writer. Processes that write
this file wait for each other, for a second at most: beyond that the last to finish wins. What is
damaged counts as none.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from engine.files import write_whole
from engine.query_statistics import QueryStatistics

NAME, LOCK = "queries.npz", "queries.lock"
PATIENCE = 1.0  # seconds
_DAMAGED = (OSError, EOFError, KeyError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error)


def read(folder: Path, fingerprint: str, dimension: int) -> QueryStatistics | None:
    """None where there are none, or none of these stages."""
    try:
        content = (folder / NAME).read_bytes()
    except OSError:
        return None
    return from_bytes(content, fingerprint, dimension)


def from_bytes(content: bytes, fingerprint: str, dimension: int) -> QueryStatistics | None:
    """None where they are damaged, or of other stages."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = QueryStatistics(
                str(arrays["fingerprint"]),
                int(arrays["count"]),
                float(arrays["distance"]),
                np.asarray(arrays["means"], np.float32),
                np.asarray(arrays["recent"], np.uint64),
            )
    except _DAMAGED:
        return None
    alike = found.fingerprint == fingerprint and found.means.shape[1] == dimension
    return found if alike else None


@contextmanager
def changing(folder: Path) -> Iterator[None]:
    """Alone, but for a process that holds it for longer than a write takes. OSError where the
    folder cannot be written."""
    lock = FileLock(folder / LOCK, timeout=PATIENCE)
    with ExitStack() as held:
        with suppress(Timeout):
            held.enter_context(lock)
        yield


def write(folder: Path, statistics: QueryStatistics) -> None:
    """Whole or not at all; OSError where the folder cannot be written."""
    write_whole(folder / NAME, to_bytes(statistics))


def to_bytes(statistics: QueryStatistics) -> bytes:
    content = io.BytesIO()
    np.savez(content, **vars(statistics))
    return content.getvalue()


def delete(folder: Path) -> bool:
    """Whether there was one; OSError where it cannot be deleted."""
    there = (folder / NAME).exists()
    (folder / NAME).unlink(missing_ok=True)
    return there

"""The file of a gallery that keeps the statistics of its queries, beside its database.

Not in the database: searches only read that, and take no lock. Two processes may write at once:
each folds its queries into the file as it then is, the last to finish wins, and queries of the
other's last few milliseconds are lost. What is damaged counts as none.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from pathlib import Path

import numpy as np

from engine.files import write_whole
from engine.query_statistics import QueryStatistics

NAME = "queries.npz"
_DAMAGED = (OSError, EOFError, KeyError, ValueError, MemoryError, zipfile.BadZipFile, zlib.error)


def read(folder: Path, fingerprint: str, dimension: int) -> QueryStatistics | None:
    """None where there are none, or none of these stages."""
    try:
        with np.load(folder / NAME, allow_pickle=False) as arrays:
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


def write(folder: Path, statistics: QueryStatistics) -> None:
    """Whole or not at all; OSError where the folder cannot be written."""
    content = io.BytesIO()
    np.savez(content, **vars(statistics))
    write_whole(folder / NAME, content.getvalue())


def delete(folder: Path) -> bool:
    """Whether there was one; OSError where it cannot be deleted."""
    there = (folder / NAME).exists()
    (folder / NAME).unlink(missing_ok=True)
    return there

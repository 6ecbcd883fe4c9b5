"""What a gallery holds, in a form that two runs can be compared by."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from engine.galleries import open_gallery
from engine.types import Record
from offline.ingest.report import IngestReport

# Ingest the catalogue fixture into tmp_path/gallery, quickly; see conftest.py.
Ingest = Callable[..., IngestReport]


def records(tmp_path: Path) -> dict[str, Record]:
    """By path below the catalogue."""
    with open_gallery(tmp_path / "gallery") as gallery:
        found = gallery.records([source.id for source in gallery.sources()])
    return {Path(r.uri).relative_to(tmp_path / "catalogue").as_posix(): r for r in found}


def content(record: Record) -> tuple[object, ...]:
    return (
        record.sha256,
        record.product_id,
        record.category,
        record.labelled,
        record.description.embedding.vector.tobytes(),
        record.description.contour.packed.tobytes(),
        tuple((name, round(share, 5)) for name, share in record.description.scores.ranked()),
    )


def later(path: Path) -> None:
    """Give a file another modification time, as an editor does."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 10**9))

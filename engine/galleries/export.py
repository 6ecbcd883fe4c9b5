"""A gallery as JSON Lines, for other programs."""

from __future__ import annotations

import base64
import json
from collections.abc import Generator, Iterable
from pathlib import Path

from engine import files
from engine.errors import GalleryError
from engine.protocols import Gallery
from engine.types import Record

CHUNK = 256  # records in memory at a time


def export_lines(gallery: Gallery, *, vectors: bool = False) -> Generator[str, None, None]:
    """One JSON object an image, in the order of ids, all of one snapshot.

    With ``vectors`` also the embedding (base64 of little-endian float32) and both contours
    (base64 of packed bits, row by row).
    """
    with gallery.snapshot():
        ids = [source.id for source in gallery.sources()]
        for start in range(0, len(ids), CHUNK):
            for record in gallery.records(ids[start : start + CHUNK]):
                yield json.dumps(_plain(record, vectors=vectors), ensure_ascii=False)


def write_lines(path: Path, lines: Iterable[str]) -> int:
    """Write the whole file or none; returns how many lines."""
    try:
        return files.write_lines(path, lines)
    except OSError as error:
        raise GalleryError(f"{path}: cannot be written ({error.strerror}).") from error


def _plain(record: Record, *, vectors: bool) -> dict[str, object]:
    described = record.description
    plain: dict[str, object] = {
        "id": record.id,
        "uri": record.uri,
        "sha256": record.sha256,
        "product": record.product_id,
        "category": record.category,
        "labelled": record.labelled,
        "attributes": dict(record.attributes),
        "quality": list(described.quality.flags),
        "mask_trust": None if described.trust is None else round(described.trust, 4),
        "scores": {name: round(score, 6) for name, score in described.scores.ranked()},
    }
    if vectors:
        plain["embedding"] = _base64(described.embedding.vector.astype("<f4").tobytes())
        plain["contour"] = _base64(described.contour.packed.tobytes())
        plain["aligned"] = _base64(described.aligned.packed.tobytes())
    return plain


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")

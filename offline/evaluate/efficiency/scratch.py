"""A real gallery of records that exist already, to measure on, in a folder that goes away."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from engine.config import Settings
from engine.errors import ConfigError, GalleryError
from engine.galleries.local import LocalGallery
from engine.galleries.manifest import Manifest
from engine.images import ImageLimits
from engine.types import Entry, Record
from stages.assemble import Parts, assemble
from stages.open_searcher import OpenSearcher, searcher_of

STORED = 256  # records a transaction


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """ConfigError where temporary files cannot be kept."""
    try:
        folder = tempfile.TemporaryDirectory(prefix="packsight-", ignore_cleanup_errors=True)
    except OSError as error:
        raise _no_room(error.strerror or str(error)) from error
    with folder as name:
        try:
            yield Path(name)
        except GalleryError as error:  # the only gallery that is open here lies in the folder
            raise _no_room(error.message) from error


def _no_room(why: str) -> ConfigError:
    return ConfigError(
        f"temporary files cannot be kept ({why.rstrip('.')}).",
        remedy="Free some room, or choose another place with TMPDIR.",
    )


def manifest_of(parts: Parts) -> Manifest:
    embedder = parts.describer.embedder
    return Manifest(
        parts.fingerprint, embedder.dimension, embedder.normalised, parts.settings.tables()
    )


def fill(folder: Path, parts: Parts, records: Sequence[Record]) -> None:
    """Make a gallery of the records, with all indexes; closed, so that its files are whole."""
    with LocalGallery.create(folder, manifest_of(parts)) as gallery:
        for start in range(0, len(records), STORED):
            chunk = records[start : start + STORED]
            gallery.add([_entry(one) for one in chunk], [one.description for one in chunk])
        gallery.build_indexes()


def open_scratch(folder: Path, settings: Settings) -> OpenSearcher:
    """As a query opens it, with just these settings: no environment is laid over them again."""
    gallery = LocalGallery.open(folder)
    try:
        parts = assemble(settings, gallery=lambda: gallery)
    except BaseException:
        gallery.close()
        raise
    limits = ImageLimits.of(settings.images)
    return OpenSearcher(searcher_of(parts, gallery), gallery, limits)


def _entry(record: Record) -> Entry:
    category = record.category if record.labelled else None
    return Entry(
        record.uri, record.sha256, 0, 0, record.product_id, category, dict(record.attributes)
    )

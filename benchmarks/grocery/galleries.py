"""Galleries and described queries, made once and kept in the work folder."""

from __future__ import annotations

import hashlib
import pickle
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.describe import Described
from engine.galleries import open_gallery
from grocery.images import Query, catalogue_folders, queries
from grocery.rows import Variant
from offline import ingest
from stages.open_searcher import open_searcher

Say = Callable[[str], None]


def gallery_for(data: Path, variant: Variant, split: str, work: Path, say: Say) -> Path:
    """The gallery that a split's queries search; made, or completed, if need be.

    The one for ``validation`` is the whole catalogue less the split's own queries: what is left
    was described by the same ingest.
    """
    full = work / variant.name / "catalogue"
    for folder in catalogue_folders(data):
        report = ingest(folder, full, profile="classic", overrides=variant.overrides)
        if report.described or report.refused:
            say(f"{variant.name}: {report.text()}")
    if split == "val":
        return full
    reduced = work / variant.name / split
    if not reduced.exists():
        without(full, {str(query.path) for query in queries(data, split)}, reduced)
    return reduced


def described_queries(gallery: Path, photos: Sequence[Query], folder: Path) -> list[Described]:
    """The queries as the gallery describes them, kept in ``folder`` as a pickle of our own."""
    with open_searcher(gallery) as opened:
        kept = folder / f"queries-{_key(opened.gallery.fingerprint, gallery, photos)}.pickle"
        if kept.is_file():
            saved: list[Described] = pickle.loads(kept.read_bytes())
            return saved
        describer = opened.searcher.describer
        described = [describer.describe([opened.read(query.path)])[0] for query in photos]
    part = kept.with_suffix(".part")
    part.write_bytes(pickle.dumps(described))
    part.replace(kept)
    return described


def same_files(gallery: Path, photos: Sequence[Query]) -> list[Path]:
    """Queries of which the gallery holds an image with the very same content."""
    with open_gallery(gallery) as opened:
        held = {source.sha256 for source in opened.sources()}
    return [q.path for q in photos if hashlib.sha256(q.path.read_bytes()).hexdigest() in held]


def _key(fingerprint: str, gallery: Path, photos: Sequence[Query]) -> str:
    """Descriptions hold scores that were voted in one gallery, so that counts as well."""
    parts = [fingerprint, gallery.name, *(str(query.path) for query in photos)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def without(full: Path, uris: set[str], target: Path) -> None:
    """A copy of a gallery that lacks some images; written beside, then renamed."""
    part = target.with_suffix(".part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(full, part)
    with open_gallery(part, write=True) as gallery:
        gallery.remove([source.id for source in gallery.sources() if source.uri in uris])
        gallery.build_indexes()
    part.replace(target)

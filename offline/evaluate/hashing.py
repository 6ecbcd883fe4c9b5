"""Picture files by content: what caches go by, and what a report says it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from engine.parallel import each
from offline.datasets import Picture, RetrievalTask


@dataclass(frozen=True)
class HashedPicture:
    """A picture whose file was read once already."""

    picture: Picture
    sha256: str


def hash_pictures(pictures: Sequence[Picture], threads: int = 1) -> list[HashedPicture | str]:
    """Aligned with the pictures; a sentence in place of one whose file cannot be read."""
    return each(_hashed, pictures, threads=threads)


def checksum(pictures: Sequence[Picture], hashes: Sequence[str]) -> str:
    """Of ids, crops and contents, in this order; 64 hex digits."""
    lines = [f"{p.id} {p.crop} {sha}\n" for p, sha in zip(pictures, hashes, strict=True)]
    return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def copies(task: RetrievalTask, queries: Sequence[str], gallery: Sequence[str]) -> int:
    """Whole queries that are in the gallery by content, their own ignored places not counted;
    the hashes are aligned with both sides of the task."""
    places: dict[str, list[int]] = {}
    for at, sha in enumerate(gallery):
        places.setdefault(sha, []).append(at)
    return sum(
        query.crop is None and any(at not in answer.ignored for at in places.get(sha, ()))
        for query, sha, answer in zip(task.queries, queries, task.relevance, strict=True)
    )


def _hashed(picture: Picture) -> HashedPicture | str:
    try:
        with picture.path.open("rb") as file:
            return HashedPicture(picture, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        return f"{picture.path}: left out, cannot be read ({error.strerror})"

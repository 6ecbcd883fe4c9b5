"""Picture files by content: what caches go by, and what a report says it was made of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.config import Settings
from engine.errors import ImageError
from engine.images import ImageLimits, load
from engine.parallel import each
from engine.types import RGBImage
from offline.datasets import Picture, RetrievalTask


class Hashed(Protocol):
    """A picture whose file was read once already."""

    @property
    def picture(self) -> Picture: ...

    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class HashedPicture:
    """A picture whose file was read once already."""

    picture: Picture
    sha256: str


def hash_pictures(pictures: Sequence[Picture], threads: int = 1) -> list[HashedPicture | str]:
    """Aligned with the pictures; a sentence in place of one whose file cannot be read."""
    return each(_hashed, pictures, threads=threads)


def _hashed(picture: Picture) -> HashedPicture | str:
    try:
        with picture.path.open("rb") as file:
            return HashedPicture(picture, hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        return f"{picture.path}: left out, cannot be read ({error.strerror})"


def key_of(sample: Hashed) -> str:
    """By content, and by the part of the picture that may be looked at."""
    crop = sample.picture.crop
    return sample.sha256 if crop is None else "-".join(map(str, (sample.sha256, *crop)))


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


def cropped(image: RGBImage, picture: Picture) -> RGBImage:
    """What a query may look at: the part in ``picture.crop``, in pixels of the file; all of the
    image where there is none. ImageError for a box that lies beyond the picture."""
    if picture.crop is None:
        return image
    width, height = image.original_size
    across, down = image.width / width, image.height / height
    x1, y1, x2, y2 = picture.crop
    left, top = max(0, int(np.floor(x1 * across))), max(0, int(np.floor(y1 * down)))
    part = image.pixels[top : int(np.ceil(y2 * down)), left : int(np.ceil(x2 * across))]
    if part.size == 0:
        raise ImageError(image.uri, f"the box {picture.crop} lies beyond its {width} x {height}")
    return RGBImage(np.ascontiguousarray(part), image.uri)


def loaded(
    samples: Sequence[HashedPicture], settings: Settings, threads: int = 1
) -> list[RGBImage | str]:
    """Decoded and cropped to what may be looked at; a sentence for what is no picture."""
    limits = ImageLimits.of(settings.images)

    def read(sample: HashedPicture) -> RGBImage | str:
        try:
            return cropped(load(sample.picture.path, limits=limits), sample.picture)
        except ImageError as error:
            return f"{error.uri}: left out, {error.reason}"

    return each(read, samples, threads=threads)

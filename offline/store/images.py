"""Image files by content: the keys of what is kept, and the checksum of a report's data."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.errors import ImageError
from engine.files import file_sha256
from engine.images import ImageLimits, load
from engine.parallel import each
from engine.types import RGBImage
from offline.datasets import DatasetImage, RetrievalTask


class Hashed(Protocol):
    """An image whose file was read once already."""

    @property
    def image(self) -> DatasetImage: ...

    @property
    def sha256(self) -> str: ...


@dataclass(frozen=True)
class HashedImage:
    """An image whose file was read once already."""

    image: DatasetImage
    sha256: str


def hash_images(images: Sequence[DatasetImage], threads: int = 1) -> list[HashedImage | str]:
    """Aligned with the images; a sentence in place of one whose file cannot be read."""
    return each(_hashed, images, threads=threads)


def _hashed(image: DatasetImage) -> HashedImage | str:
    try:
        return HashedImage(image, file_sha256(image.path))
    except OSError as error:
        return f"{image.path}: left out, cannot be read ({error.strerror})"


def key_of(sample: Hashed) -> str:
    """By content, and by the part of the image that may be looked at."""
    crop = sample.image.crop
    return sample.sha256 if crop is None else "-".join(map(str, (sample.sha256, *crop)))


def checksum(images: Sequence[DatasetImage], hashes: Sequence[str]) -> str:
    """Of ids, crops and contents, in this order; 64 hex digits."""
    lines = [f"{p.id} {p.crop} {sha}\n" for p, sha in zip(images, hashes, strict=True)]
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


def cropped(image: RGBImage, entry: DatasetImage) -> RGBImage:
    """What a query may look at: the part in ``picture.crop``, in pixels of the file; all of the
    image where there is none. ImageError for a box that lies beyond the image."""
    if entry.crop is None:
        return image
    width, height = image.original_size
    across, down = image.width / width, image.height / height
    x1, y1, x2, y2 = entry.crop
    left, top = max(0, int(np.floor(x1 * across))), max(0, int(np.floor(y1 * down)))
    window = np.s_[top : int(np.ceil(y2 * down)), left : int(np.ceil(x2 * across))]
    part = image.pixels[window]
    if part.size == 0:
        raise ImageError(image.uri, f"the box {entry.crop} lies beyond its {width} x {height}")
    alpha = None if image.alpha is None else np.ascontiguousarray(image.alpha[window])
    return RGBImage(np.ascontiguousarray(part), image.uri, alpha=alpha)


def loaded(
    samples: Sequence[Hashed], limits: ImageLimits, threads: int = 1
) -> tuple[dict[int, RGBImage], list[str]]:
    """Decoded and cropped to what may be looked at, by place in ``samples``; and a sentence for
    every image that cannot be decoded."""

    def read(sample: Hashed) -> RGBImage | str:
        try:
            return cropped(load(sample.image.path, limits=limits), sample.image)
        except ImageError as error:
            return f"{error.uri}: left out, {error.reason}"

    read_or_not = each(read, samples, threads=threads)
    images = {place: one for place, one in enumerate(read_or_not) if not isinstance(one, str)}
    return images, [one for one in read_or_not if isinstance(one, str)]

"""How many pictures a second an ingest describes: read, described and stored batch by batch."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ImageError
from engine.galleries.local import LocalGallery
from engine.parallel import each
from engine.types import Entry, RGBImage
from offline.datasets import Picture
from offline.evaluate.efficiency.photos import read
from stages.open_searcher import OpenSearcher


@dataclass(frozen=True)
class Rate:
    pictures: int
    seconds: float

    @property
    def per_second(self) -> float | None:
        """None where nothing was described."""
        return self.pictures / self.seconds if self.pictures and self.seconds > 0 else None


def rate(
    pictures: Sequence[Picture],
    opened: OpenSearcher,
    folder: Path,
    batch: int,
    clock: Callable[[], float] = time.perf_counter,
) -> Rate:
    """Into a new gallery at ``folder``, ``batch`` at a time, its indexes included.

    Pictures with a category are described as labelled ones, as an ingest does. They are decoded
    on threads of this process; an ingest has processes for it. Unreadable ones do not count.
    """
    done, start = 0, clock()
    with LocalGallery.create(folder, opened.gallery.manifest) as gallery:
        for at in range(0, len(pictures), batch):
            done += _described(pictures[at : at + batch], opened, gallery)
        gallery.build_indexes()
        return Rate(done, clock() - start)


def _described(pictures: Sequence[Picture], opened: OpenSearcher, gallery: LocalGallery) -> int:
    describer = opened.searcher.describer
    images = readable(pictures, opened, describer.threads)
    described = describer.describe([image for _, image in images], [p.category for p, _ in images])
    gallery.add([_entry(p) for p, _ in images], [one.description for one in described])
    return len(images)


def readable(
    pictures: Sequence[Picture], opened: OpenSearcher, threads: int = 1
) -> list[tuple[Picture, RGBImage]]:
    """Those that can be read, decoded."""

    def image(picture: Picture) -> RGBImage | None:
        try:
            return read(picture, opened)
        except ImageError:
            return None

    images = each(image, pictures, threads=threads)
    return [(p, found) for p, found in zip(pictures, images, strict=True) if found is not None]


def _entry(picture: Picture) -> Entry:
    return Entry(picture.id, "0" * 64, 0, 0, picture.product or picture.id, picture.category)

"""Milliseconds of every stage for one photo at a time, from the file to the answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.errors import ImageError
from engine.timings import Stopwatch
from engine.types import Progress, RGBImage
from offline.datasets import Picture
from offline.store.images import cropped
from stages.open_searcher import OpenSearcher

LOAD = "load"
TOGETHER = "together"


@dataclass(frozen=True)
class Timed:
    """``milliseconds`` (by stage, in the order they ran) are aligned with ``items``, the ids of
    the photos. ``together`` is the clock from the file to the answer: what happens between the
    stages counts as well."""

    items: tuple[str, ...]
    milliseconds: dict[str, tuple[float, ...]]

    @property
    def together(self) -> tuple[float, ...]:
        return self.milliseconds[TOGETHER]


def read(picture: Picture, opened: OpenSearcher) -> RGBImage:
    """The part of it that may be looked at; ImageError for a file that is no picture."""
    return cropped(opened.read(picture.path), picture)


def time_photos(
    pictures: Sequence[Picture],
    opened: OpenSearcher,
    clock: Callable[[], float] = time.perf_counter,
    progress: Progress | None = None,
) -> Timed:
    """Ask for each picture alone, after the first was asked once to warm up.

    Pictures that cannot be read are passed over. A stage that a photo did not need took 0 ms.
    """
    taken: dict[str, dict[str, float]] = {}
    for number, picture in enumerate([*pictures[:1], *pictures]):
        seconds = _timed(picture, opened, clock)
        if seconds and number:
            taken[picture.id] = seconds
        if progress is not None:
            progress(number, len(pictures))
    stages = dict.fromkeys([TOGETHER, *(stage for one in taken.values() for stage in one)])
    return Timed(
        tuple(taken),
        {stage: tuple(1000 * one.get(stage, 0.0) for one in taken.values()) for stage in stages},
    )


def _timed(picture: Picture, opened: OpenSearcher, clock: Callable[[], float]) -> dict[str, float]:
    watch, start = Stopwatch(), clock()
    try:
        with watch(LOAD):
            image = read(picture, opened)
    except ImageError:
        return {}
    opened.searcher.answer(image, watch=watch)
    return {TOGETHER: clock() - start, **watch.seconds}

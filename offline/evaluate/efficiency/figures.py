"""Measurements of speed and size as figures of a report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from offline.evaluate.efficiency.batches import Rate
from offline.evaluate.efficiency.memory import Peaks
from offline.evaluate.efficiency.photos import TOGETHER, Timed
from offline.evaluate.efficiency.sizes import GallerySize
from offline.report.document import Bars, Block, Figure, Group, Series, Unit
from offline.report.figures import averaged, percentile

PERCENTILES = {"median": 50, "95th percentile": 95}
NO_PHOTO = "no photo can be read"
KILLED = "the process that measures it ended before its time"
UNTOLD = "no photo can be read, or this platform does not tell"


def overview(
    timed: Timed, found: Rate, held: Peaks | None, batch: int, size: GallerySize, seed: int
) -> Group:
    """What an evaluator asks first."""
    answer = percentile("photo to answer, median", timed.together, 50, seed=seed)
    return Group(
        name="in short",
        figures=(
            answer,
            rate_figure(found),
            memory_figures(held, batch)[0],
            gallery_figures(size)[0],
        ),
        meaning="How long one photo waits, how many an ingest describes, the most memory that "
        "either held, and what an image takes in the gallery.",
    )


def time_groups(timed: Timed, seed: int) -> list[Group]:
    """Milliseconds by stage: median and 95th percentile; the mean has each photo's own number."""
    return [
        Group(
            name=stage,
            figures=(
                *(percentile(name, values, q, seed=seed) for name, q in PERCENTILES.items()),
                averaged("mean", values, seed=seed, better="lower", unit="ms", why=NO_PHOTO),
            ),
            items=timed.items,
        )
        for stage, values in timed.milliseconds.items()
    ]


def time_blocks(timed: Timed) -> tuple[Block, ...]:
    """Nothing where no photo was timed."""
    if not timed.items:
        return ()
    stages = {name: values for name, values in timed.milliseconds.items() if name != TOGETHER}
    places = tuple(map(float, range(len(stages))))
    series = [
        Series(name=name, xs=places, ys=tuple(float(np.percentile(v, q)) for v in stages.values()))
        for name, q in PERCENTILES.items()
    ]
    title = "Where the time of a photo goes"
    return (Bars(title=title, labels=tuple(stages), series=tuple(series), unit="ms", told=True),)


def rate_figure(found: Rate) -> Figure:
    return Figure(
        name="throughput",
        value=found.per_second,
        unit="images/s",
        why="" if found.per_second is not None else NO_PHOTO,
    )


def memory_figures(found: Peaks | None, batch: int) -> tuple[Figure, ...]:
    """The last, the largest, comes first: it is what a machine must have."""
    why = KILLED if found is None else UNTOLD
    held = found or Peaks(None, None, None, None)
    named = {
        f"memory, batch of {batch}": held.batch,
        "memory, one photo": held.photo,
        "memory, models loaded": held.models,
        "memory, program started": held.started,
    }
    return tuple(_size(name, value, why) for name, value in named.items())


def model_figures(sizes: Mapping[str, int]) -> tuple[Figure, ...]:
    """All together, then each; the shipped parts that need no weights have no size."""
    return (
        _size("all models", sum(sizes.values())),
        *(_size(name, value) for name, value in sorted(sizes.items())),
    )


def gallery_figures(found: GallerySize) -> tuple[Figure, ...]:
    """Bytes an image. A small gallery seems dearer: its files have a least size."""
    each = {
        "gallery, an image": found.database + found.indexes,
        "database, an image": found.database,
        "indexes, an image": found.indexes,
    }
    why = "" if found.images else "the gallery is empty"
    figures = [
        _size(name, whole / found.images if found.images else None, why)
        for name, whole in each.items()
    ]
    images = Figure(name="images", value=found.images, better="neither", unit="pictures")
    return (*figures, images)


def _size(name: str, value: float | None, why: str = "") -> Figure:
    unit: Unit = "bytes"
    told = "" if value is not None else why
    return Figure(name=name, value=value, better="lower", unit=unit, why=told)

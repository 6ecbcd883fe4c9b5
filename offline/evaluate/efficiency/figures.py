"""Measurements of speed and size as figures of a report."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from offline.evaluate.efficiency.batches import Rate
from offline.evaluate.efficiency.memory import Peaks
from offline.evaluate.efficiency.photos import TOGETHER, Timed
from offline.evaluate.efficiency.sizes import GallerySize
from offline.evaluate.measured import averaged, percentile
from offline.report.document import Bars, Block, Figure, Group, Series, Table, Unit

PERCENTILES = {"median": 50, "95th percentile": 95}
NO_PHOTO = "no photo can be read"
KILLED = "the process that measures it ended before its time"
UNTOLD = "no photo can be read, or this platform does not tell"


def time_groups(timed: Timed, seed: int) -> list[Group]:
    """Milliseconds by stage: median and 95th percentile; the mean has each photo's own number."""
    stages = timed.milliseconds if timed.items else {TOGETHER: ()}
    groups = [
        Group(
            name=f"one photo, {name}",
            figures=tuple(
                percentile(stage, values, q, seed=seed) for stage, values in stages.items()
            ),
        )
        for name, q in PERCENTILES.items()
    ]
    means = [
        averaged(stage, values, seed=seed, better="lower", unit="ms", why=NO_PHOTO)
        for stage, values in stages.items()
    ]
    return [*groups, Group(name="one photo, mean", figures=tuple(means), items=timed.items)]


def time_blocks(timed: Timed) -> tuple[Block, ...]:
    """Nothing where no photo was timed."""
    if not timed.items:
        return ()
    stages = {name: np.asarray(values) for name, values in timed.milliseconds.items()}
    table = Table(
        title="Milliseconds a photo",
        columns=("stage", *PERCENTILES, "mean", "share of the mean"),
        rows=tuple(_row(name, values, stages[TOGETHER].mean()) for name, values in stages.items()),
        note="together: from the file to the answer, what happens between the stages included",
    )
    alone = {name: values for name, values in stages.items() if name != TOGETHER}
    places = tuple(map(float, range(len(alone))))
    series = [
        Series(name=name, xs=places, ys=tuple(float(np.percentile(v, q)) for v in alone.values()))
        for name, q in PERCENTILES.items()
    ]
    title = "Where the time of a photo goes"
    return (table, Bars(title=title, labels=tuple(alone), series=tuple(series), unit="ms"))


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
        f"a batch of {batch} described": held.batch,
        "one photo answered": held.photo,
        "models loaded": held.models,
        "program started": held.started,
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
        "an image": found.database + found.indexes,
        "an image, in the database": found.database,
        "an image, in the indexes": found.indexes,
    }
    why = "" if found.images else "the gallery is empty"
    figures = [
        _size(name, whole / found.images if found.images else None, why)
        for name, whole in each.items()
    ]
    images = Figure(name="images", value=found.images, better="neither", unit="pictures")
    return (*figures, images)


def _row(
    name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]], whole: float
) -> tuple[str, ...]:
    shares = values.mean() / whole if whole else 0.0
    found = [np.percentile(values, q) for q in PERCENTILES.values()]
    return (name, *(f"{number:.2f}" for number in (*found, values.mean())), f"{shares:.3f}")


def _size(name: str, value: float | None, why: str = "") -> Figure:
    unit: Unit = "bytes"
    told = "" if value is not None else why
    return Figure(name=name, value=value, better="lower", unit=unit, why=told)
